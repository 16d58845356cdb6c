"""Every action on what compositors look at: the locked and the stabilised view, solves, and the clean-up."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.actions import Action
from app.track_commands import TRACKS

if TYPE_CHECKING:
    from app.window import MainWindow


def vfx_actions(window: "MainWindow", view_menu: str) -> Iterator[Action]:
    """In the order of the menus."""
    tr, view, solving, edit = window.tr, window.view, window.solving, window.editing
    yield Action(
        "view.lock",
        tr("Lock view to selection"),
        ("Shift+L",),
        solving.toggle_lock,
        view_menu,
        solving.may_lock,
        lambda: bool(view.lock),
    )
    yield Action(
        "view.stabilise",
        tr("Stabilise preview"),
        ("Alt+L",),
        solving.toggle_stabilise,
        view_menu,
        window.is_open,
        lambda: view.stabilise,
    )
    yield Action(
        "solve.selection",
        tr("Solve the motion of the selection"),
        ("Ctrl+Shift+L",),
        solving.solve_selection,
        TRACKS,
        edit.has_selection,
    )
    yield Action("tracks.clean_up", tr("Clean up tracks…"), (), solving.ask_clean_up, TRACKS, edit.has_tracks)
