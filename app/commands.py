"""Every action of the window: what it is called, its keys, and what it does."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from app.actions import Action
from app.curation_commands import curation_actions, file_actions
from app.document.view_state import ColourBy
from app.panels.wording import tracker_title
from app.theme import Theme
from app.track_commands import compare_actions, track_actions
from app.training_commands import training_actions
from app.vfx_commands import vfx_actions
from tracker.labels import State

if TYPE_CHECKING:
    from app.window import MainWindow

FILE, EDIT, GO, TRACK, VIEW, HELP = "&File", "&Edit", "&Go", "&Tracking", "&View", "Help"  # Alt+H hides tracks
COLOUR_MODES: tuple[ColourBy, ...] = ("confidence", "error", "track", "source")
NUDGE = 0.25


def all_actions(window: "MainWindow") -> Iterator[Action]:
    """In the order of the menus."""
    yield from _file(window)
    yield from _edit(window)
    yield from _go(window)
    yield from _track(window)
    yield from track_actions(window)
    yield from curation_actions(window)
    yield from training_actions(window)
    yield from _view(window)
    yield from vfx_actions(window, VIEW)
    yield from _themes(window)
    yield Action("help.keys", window.tr("Keys and mouse…"), ("?", "F1"), window.show_keys, HELP)
    yield Action("help.about", window.tr("About Trackwright"), (), window.show_about, HELP)


def _file(window: "MainWindow") -> Iterator[Action]:
    files, edit, tr, is_open = window.files, window.editing, window.tr, window.is_open
    yield Action("file.open", tr("Open video or project…"), ("Ctrl+O",), files.ask_open, FILE)
    yield Action("file.open_folder", tr("Open folder of frames…"), ("Ctrl+Shift+O",), files.ask_open_folder, FILE)
    yield from file_actions(window, FILE)
    yield Action("file.demo", tr("Open the demo clip"), (), files.open_demo, FILE)
    yield Action("file.save", tr("Save"), ("Ctrl+S",), files.save, FILE, is_open)
    yield Action("file.save_as", tr("Save as…"), ("Ctrl+Shift+S",), files.save_as, FILE, is_open)
    yield Action("file.import", tr("Import tracks…"), ("Ctrl+Alt+I",), window.files.ask_import, FILE, is_open)
    yield Action("file.export", tr("Export tracks…"), ("Ctrl+E",), window.files.ask_export, FILE, edit.has_tracks)
    yield Action("file.render", tr("Render pictures…"), ("Ctrl+Shift+E",), files.ask_render, FILE, edit.has_tracks)
    yield Action("file.quit", tr("Quit"), ("Ctrl+Q",), window.close, FILE)


def _edit(window: "MainWindow") -> Iterator[Action]:
    tr, view, edit = window.tr, window.view, window.editing
    yield Action("edit.undo", tr("Undo"), ("Ctrl+Z",), edit.undo, EDIT, edit.can_undo, repeats=True)
    yield Action("edit.redo", tr("Redo"), ("Ctrl+Shift+Z", "Ctrl+Y"), edit.redo, EDIT, edit.can_redo, repeats=True)
    yield Action("edit.select_all", tr("Select all tracks"), ("Ctrl+A",), edit.select_all, EDIT, edit.has_tracks)
    yield Action("edit.delete", tr("Delete selected tracks"), ("Del",), edit.delete_selected, EDIT, edit.has_selection)
    yield Action("edit.clear", tr("Clear this frame"), ("Backspace",), edit.clear_frame, EDIT, edit.has_selection)
    yield Action("mark.accept", tr("Accept as anchor"), ("Return", "Enter"), edit.accept, EDIT, edit.has_selection)
    flag = edit.flag
    yield Action("mark.occluded", tr("Occluded"), ("X",), partial(flag, State.OCCLUDED), EDIT, edit.has_selection)
    yield Action(
        "mark.out_of_view",
        tr("Out of view"),
        ("Shift+X",),
        partial(flag, State.OUT_OF_VIEW),
        EDIT,
        edit.has_selection,
    )
    for name, key, dx, dy in (
        ("left", "Left", -1, 0),
        ("right", "Right", 1, 0),
        ("up", "Up", 0, -1),
        ("down", "Down", 0, 1),
    ):
        yield Action(
            f"edit.nudge_{name}",
            tr("Nudge {}").format(tr(name)),
            (f"Alt+{key}",),
            partial(window.canvas.nudge, dx * NUDGE, dy * NUDGE),
            EDIT,
            edit.has_selection,
            repeats=True,
        )
    yield Action(
        "tool.add",
        tr("Add points"),
        ("N",),
        edit.toggle_add,
        EDIT,
        window.is_open,
        lambda: view.tool == "add",
    )
    yield Action(
        "tool.lasso", tr("Lasso"), ("Shift+N",), edit.toggle_lasso, EDIT, window.is_open, lambda: view.tool == "lasso"
    )
    yield Action("sample.points", tr("Sample points…"), ("G",), edit.ask_sample, EDIT, window.is_open)


def _go(window: "MainWindow") -> Iterator[Action]:
    tr, go, edit, is_open = window.tr, window.navigation, window.editing, window.is_open
    step = go.step
    play = window.playback
    yield Action("play.toggle", tr("Play or pause"), ("Space",), play.toggle, GO, is_open, lambda: play.playing)
    yield Action("play.back", tr("Play backwards, faster"), ("J",), partial(play.shuttle, -1), GO, is_open)
    yield Action("play.stop", tr("Pause"), ("K",), play.stop, GO, is_open)
    yield Action("play.forward", tr("Play forwards, faster"), ("L",), partial(play.shuttle, 1), GO, is_open)
    yield Action("step.next", tr("Next frame"), ("Right", "D"), partial(step, 1), GO, is_open, repeats=True)
    yield Action("step.previous", tr("Previous frame"), ("Left", "A"), partial(step, -1), GO, is_open, repeats=True)
    yield Action(
        "step.next_ten", tr("Ten frames on"), ("Shift+Right", "Shift+D"), partial(step, 10), GO, is_open, repeats=True
    )
    yield Action(
        "step.previous_ten",
        tr("Ten frames back"),
        ("Shift+Left", "Shift+A"),
        partial(step, -10),
        GO,
        is_open,
        repeats=True,
    )
    yield Action(
        "step.next_anchor",
        tr("Next anchor"),
        ("Ctrl+Right", "Ctrl+D"),
        partial(go.step_anchor, 1),
        GO,
        is_open,
        repeats=True,
    )
    yield Action(
        "step.previous_anchor",
        tr("Previous anchor"),
        ("Ctrl+Left",),
        partial(go.step_anchor, -1),
        GO,
        is_open,
        repeats=True,
    )
    yield Action("step.first", tr("First frame"), ("Home",), partial(go.go_to, 0), GO, is_open)
    yield Action("step.last", tr("Last frame"), ("End",), lambda: go.go_to(go.frame_count - 1), GO, is_open)
    yield Action("step.goto", tr("Go to frame…"), ("Ctrl+G",), go.ask_frame, GO, is_open)
    yield Action("loop.in", tr("Set in point"), ("I",), go.set_in, GO, is_open)
    yield Action("loop.out", tr("Set out point"), ("O",), go.set_out, GO, is_open)
    yield Action("loop.clear", tr("Clear in and out points"), ("Alt+X",), go.clear_range, GO, is_open)
    yield Action("loop.toggle", tr("Loop"), ("\\",), go.toggle_loop, GO, is_open, lambda: window.view.loop)
    yield Action("track.next", tr("Next track"), ("S",), partial(go.step_track, 1), GO, edit.has_tracks, repeats=True)
    yield Action(
        "track.previous",
        tr("Previous track"),
        ("W",),
        partial(go.step_track, -1),
        GO,
        edit.has_tracks,
        repeats=True,
    )


def _track(window: "MainWindow") -> Iterator[Action]:
    tr, edit = window.tr, window.editing
    can = edit.has_tracks
    names: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
        ("run.forward", "forward", tr("Track forward"), ("F",)),
        ("run.backward", "backward", tr("Track backward"), ("B",)),
        ("run.both", "both", tr("Track both ways"), ("Ctrl+F",)),
    )
    for action_id, direction, text, keys in names:
        yield Action(action_id, text, keys, partial(window.run, direction), TRACK, can)
    yield Action("run.retrack", tr("Re-track between the anchors"), ("R",), window.retrack, TRACK, edit.has_selection)
    yield Action(
        "run.retrack_range",
        tr("Re-track the in-out range"),
        ("Shift+R",),
        window.retrack_range,
        TRACK,
        window.has_range,
    )
    yield Action("run.stop", tr("Stop"), ("Esc",), window.escape, TRACK)
    yield from compare_actions(window, TRACK)
    yield from _trackers(window)


def _trackers(window: "MainWindow") -> Iterator[Action]:
    tr, trackers = window.tr, window.trackers

    def used(name: str) -> bool:
        return trackers.used == name

    for info in trackers.ready:
        yield Action(
            f"tracker.use_{info.name}",
            tr("Use {}").format(tracker_title(info)),
            (),
            partial(trackers.use, info.name),
            TRACK,
            checked=partial(used, info.name),
        )
    yield Action("tracker.choose", tr("Choose checkpoint…"), (), window.files.ask_checkpoint, TRACK)
    yield Action("tracker.about", tr("About this tracker…"), (), trackers.tell, TRACK)
    yield Action("tracker.cache", tr("Feature cache…"), (), window.show_cache_dialog, TRACK)


def _view(window: "MainWindow") -> Iterator[Action]:
    tr, view = window.tr, window.view

    def flip(name: str) -> Callable[[], None]:
        return lambda: setattr(view, name, not getattr(view, name))

    yield Action("view.fit", tr("Fit the picture"), ("Ctrl+0",), window.canvas.fit, VIEW, window.is_open)
    yield Action(
        "view.hide_others",
        tr("Hide other tracks"),
        ("H",),
        flip("hide_others"),
        VIEW,
        window.is_open,
        lambda: view.hide_others,
    )
    yield Action(
        "view.trails", tr("Trails"), ("T",), flip("show_trails"), VIEW, window.is_open, lambda: view.show_trails
    )
    yield Action("view.transform", tr("View transform…"), (), window.plates.ask_view_transform, VIEW, window.is_open)
    yield Action("view.colour_by", tr("Colour by next"), ("C",), lambda: _next_colour(window), VIEW, window.is_open)


def _themes(window: "MainWindow") -> Iterator[Action]:
    tr = window.tr
    themes: tuple[tuple[Theme, str], ...] = (
        ("system", tr("Follow the system's colours")),
        ("light", tr("Light")),
        ("dark", tr("Dark")),
    )
    for theme, text in themes:
        yield Action(
            f"view.theme_{theme}",
            text,
            (),
            partial(window.set_theme, theme),
            VIEW,
            checked=partial(window.theme_is, theme),
        )


def _next_colour(window: "MainWindow") -> None:
    place = COLOUR_MODES.index(window.view.colour_by)
    window.view.colour_by = COLOUR_MODES[(place + 1) % len(COLOUR_MODES)]
