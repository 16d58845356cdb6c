"""Every action on tracks, masks, takes and the review: what it is called, its keys, and what it does."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from app.actions import Action
from app.document.view_state import Tool

if TYPE_CHECKING:
    from app.window import MainWindow

TRACKS, MASKS, REVIEW = "T&racks", "&Masks", "Revie&w"


def track_actions(window: "MainWindow") -> Iterator[Action]:
    """In the order of the menus."""
    yield from _tracks(window)
    yield from _ranges(window)
    yield from _review(window)
    yield from _masks(window)


def compare_actions(window: "MainWindow", menu: str) -> Iterator[Action]:
    """Two runs side by side."""
    tr, takes, edit = window.tr, window.takes, window.editing
    yield Action("take.keep", tr("Keep for comparison"), ("Ctrl+Shift+K",), takes.keep, menu, edit.has_tracks)
    yield Action(
        "take.show",
        tr("Show the kept version"),
        ("Alt+K",),
        takes.toggle_shown,
        menu,
        takes.has_take,
        takes.shows_take,
    )
    yield Action("take.swap", tr("Swap with the kept version"), ("Ctrl+Alt+K",), takes.swap, menu, takes.has_take)
    yield Action("take.drop", tr("Forget the kept version"), (), takes.drop, menu, takes.has_take)


def _tracks(window: "MainWindow") -> Iterator[Action]:
    tr, group, edit = window.tr, window.grouping, window.editing
    one, several = edit.has_selection, group.has_several
    for action_id, text, keys, run, enabled in (
        ("group.set", tr("Group…"), ("Ctrl+Shift+G",), group.ask_group, one),
        ("group.rename", tr("Rename group…"), (), group.ask_rename_group, group.has_group),
        ("group.select", tr("Select the group"), ("Ctrl+Shift+A",), group.select_group, group.has_group),
        ("group.connect", tr("Connect as skeleton"), ("Ctrl+Shift+C",), group.connect_selected, several),
        ("tracks.colour", tr("Colour…"), (), group.ask_colour, one),
        ("tracks.hide", tr("Hide or show"), ("Alt+H",), group.toggle_hidden, one),
        ("tracks.solo", tr("Show only these"), (), group.solo, one),
        ("tracks.show_all", tr("Show all hidden tracks"), ("Alt+Shift+H",), group.show_all, group.has_hidden),
        ("tracks.lock", tr("Lock or unlock"), ("Ctrl+L",), group.toggle_locked, one),
        ("tracks.merge", tr("Merge into one"), ("Ctrl+M",), group.merge, several),
        ("tracks.split", tr("Split here"), ("Ctrl+K",), group.split, one),
        ("tracks.end", tr("End here, or go on"), ("Shift+E",), group.end, one),
        ("tracks.copy_motion", tr("Move as the one selected last"), (), group.copy_motion, several),
    ):
        yield Action(action_id, text, keys, run, TRACKS, enabled)


def _ranges(window: "MainWindow") -> Iterator[Action]:
    tr, group = window.tr, window.grouping
    for action_id, text, keys, run in (
        (
            "tracks.interpolate",
            tr("Interpolate, straight"),
            ("Ctrl+I",),
            partial(group.interpolate, "linear"),
        ),
        (
            "tracks.interpolate_cubic",
            tr("Interpolate, smooth"),
            ("Ctrl+Shift+I",),
            partial(group.interpolate, "cubic"),
        ),
        ("range.approve", tr("Approve the range"), ("Ctrl+Return",), group.approve_range),
        ("range.clear", tr("Clear the range"), ("Shift+Backspace",), group.clear_range),
    ):
        yield Action(action_id, text, keys, run, TRACKS, group.has_span)


def _review(window: "MainWindow") -> Iterator[Action]:
    tr, review = window.tr, window.review
    yield Action("review.next", tr("Next span to review"), ("E",), review.next, REVIEW, window.is_open, repeats=True)
    yield Action(
        "review.previous", tr("Previous span to review"), ("Q",), review.previous, REVIEW, window.is_open, repeats=True
    )
    yield Action("mark.approve", tr("Approve and go on"), ("V",), review.approve, REVIEW, window.editing.has_selection)
    yield Action(
        "review.loop", tr("Play spans in a loop"), (), review.toggle_loop, REVIEW, checked=lambda: review.loops
    )
    yield Action(
        "review.correct",
        tr("Solve corrections at once"),
        (),
        review.toggle_correct,
        REVIEW,
        checked=lambda: window.settings.corrects_at_once,
    )


def _masks(window: "MainWindow") -> Iterator[Action]:
    tr, view, masks, group = window.tr, window.view, window.masks, window.grouping

    def take(tool: Tool) -> Callable[[], None]:
        return lambda: setattr(view, "tool", "select" if view.tool == tool else tool)

    def taken(tool: Tool) -> Callable[[], bool]:
        return lambda: view.tool == tool

    tools: tuple[tuple[Tool, str, tuple[str, ...]], ...] = (
        ("brush", tr("Paint"), ("P",)),
        ("eraser", tr("Erase"), ("Shift+P",)),
        ("polygon", tr("Polygon"), ("Ctrl+P",)),
        ("fill", tr("Fill"), ("Alt+P",)),
    )
    for tool, text, keys in tools:
        yield Action(f"tool.{tool}", text, keys, take(tool), MASKS, window.is_open, taken(tool))
    for action_id, text, run, enabled in (
        ("mask.import", tr("Import a PNG to this frame…"), masks.ask_import, window.is_open),
        ("mask.import_folder", tr("Import a folder of PNGs…"), masks.ask_import_folder, window.is_open),
        ("mask.export", tr("Export as PNGs…"), masks.ask_export, masks.has_mask),
        ("matte.end_tracks", tr("End tracks where they enter a matte"), group.end_in_mattes, window.is_open),
        ("matte.flag_tracks", tr("Flag tracks inside a matte as occluded"), group.flag_in_mattes, window.is_open),
    ):
        yield Action(action_id, text, (), run, MASKS, enabled)
    size = window.canvas.resize_brush
    yield Action("brush.smaller", tr("Smaller brush"), ("[",), partial(size, -1), MASKS, window.is_open, repeats=True)
    yield Action("brush.larger", tr("Larger brush"), ("]",), partial(size, 1), MASKS, window.is_open, repeats=True)
