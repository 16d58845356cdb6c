"""The filmstrip as a person uses it: a real clip whose motion is known, real mouse, real keys, real pixels."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QKeySequence, QShortcut
from PySide6.QtTest import QTest

from app.document.project import Document
from app.document.runs import RunInfo
from app.document.video_ref import VideoRef
from app.panels.filmstrip import Filmstrip
from app.panels.filmstrip.layout import LEAST, PAD, StripLayout, largest_that_fits, lay_out, step_that_fits
from app.panels.filmstrip.painting import crop_pixmap, error_colour
from app.panels.filmstrip.strip import DRAG_FROM
from app.theme import HALO, dark_palette, light_palette
from app.workers.patches import Patch, PatchesFailed, PatchesReady, PatchWorker, cut_patch
from tests.video.clips import make_pictures
from tracker.inference.session import Prediction
from tracker.labels.table import Source, State
from tracker.video import VideoWriter, open_source

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")

FRAMES, WIDTH, HEIGHT = 40, 320, 240
START = np.array([150.0, 110.0])
WRONG, MISS = 20, np.array([3.4, -2.2])  # a frame where the tracker was wrong, and by how much
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def drift(frame):
    """How far the picture has moved since frame 0, in pixels."""
    return np.array([12 * np.sin(frame / 9), 8 * np.sin(frame / 7)])


def truth(frame):
    return START + drift(frame)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A textured picture that moves by `drift`."""
    path = tmp_path_factory.mktemp("clips") / "moving.mp4"
    rng = np.random.default_rng(3)
    texture = cv2.GaussianBlur(rng.integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.float32), (0, 0), 2.5)
    texture = np.clip((texture - texture.mean()) * 5 + 128, 0, 255)
    with VideoWriter(path, WIDTH, HEIGHT, Fraction(25)) as writer:
        for frame in range(FRAMES):
            move = np.hstack([np.eye(2), drift(frame)[:, None]])
            moved = cv2.warpAffine(texture, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
            writer.write(moved.astype(np.uint8))
    return path


def tracked(path, n_frames, positions):
    """A document with one track, placed on frame 0 and tracked to the positions (T, 2)."""
    pts = np.arange(n_frames, dtype=np.int64)
    video = VideoRef(str(path), n_frames, WIDTH, HEIGHT, Fraction(25), Fraction(1, 25), pts)
    document = Document(n_frames, video)
    ids = document.add_tracks([(0, *positions[0])])
    run = document.begin_run(RunInfo("lucas-kanade"))
    sure = np.ones((n_frames, 1), np.float32)
    xy = np.asarray(positions, np.float32)[:, None]
    document.apply_prediction(run, Prediction(0, np.array(ids, np.int64), xy, sure, sure * np.float32(0.8)))
    document.end_run(run, "done")
    return document


@pytest.fixture
def document(clip):
    """Right everywhere but on one frame, and nobody knows it yet."""
    positions = np.array([truth(frame) for frame in range(FRAMES)])
    positions[WRONG] += MISS
    return tracked(clip, FRAMES, positions)


@pytest.fixture
def show(qtbot):
    films = []

    def act(document, view, path, width=900, height=260, select=True, palette=light_palette):
        if select:
            view.select([0])
        film = Filmstrip(document, view)
        films.append(film)
        qtbot.addWidget(film)
        film.setPalette(palette())
        film.resize(width, height)
        film.set_source(path)
        film.show()
        settle(qtbot, film)
        return film

    yield act
    for film in films:
        film.stop()


def settle(qtbot, film):
    """Wait until all that is wanted is on screen."""
    qtbot.waitUntil(lambda: not film._soon.isActive() and film.feed.complete, timeout=10_000)


def frames_shown(film):
    return film.strip.cells.frames.tolist()


def index_of(film, frame):
    index = film.strip.cells.index_of(frame)
    assert frames_shown(film)[index] == frame
    return index


def centre_of(film, frame):
    return film.strip.cell_rect(index_of(film, frame)).center()


def patch_of(film, frame):
    return film.strip.cells.patch(index_of(film, frame), film.patch_size)


def crop_of(film, frame):
    return film.feed.crop(patch_of(film, frame))


def likeness(a, b):
    """Correlation of two pictures."""
    return np.corrcoef(a[..., :3].ravel().astype(float), b[..., :3].ravel().astype(float))[0, 1]


def pixels(widget):
    """(height, width, 3) as it is painted."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    data = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return data[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def picture(film, frame):
    """The painted picture of one frame with its border."""
    rect = film.strip.cell_rect(index_of(film, frame)).adjusted(-PAD, -PAD, PAD, PAD)
    image = pixels(film.strip.viewport())
    return image[rect.top() : rect.bottom() + 1, rect.left() : rect.right() + 1]


def drag(film, frame, dx, dy, release=True):
    """Drag the picture of a frame, in pixels of the screen; gives how many pixels of the video one of them is."""
    viewport, start = film.strip.viewport(), centre_of(film, frame)
    scale = film.patch_size / film.strip._close_up(index_of(film, frame)).width()
    QTest.mousePress(viewport, LEFT, NONE, start)
    QTest.mouseMove(viewport, start + QPoint(dx, dy) / 2)
    QTest.mouseMove(viewport, start + QPoint(dx, dy))
    if release:
        QTest.mouseRelease(viewport, LEFT, NONE, start + QPoint(dx, dy))
    return scale


# -- what is shown


def test_every_patch_shows_the_point_of_its_frame(qtbot, document, view, clip, show):
    film = show(document, view, clip)
    assert frames_shown(film) == list(range(FRAMES))
    first = crop_of(film, 0)
    likenesses = np.array([likeness(first, crop_of(film, frame)) for frame in range(FRAMES)])
    assert np.delete(likenesses, WRONG).min() > 0.93  # the codec takes some
    assert likenesses[WRONG] < 0.8
    assert film.reference.patch == patch_of(film, 0)
    assert film.feed.crop(film.reference.patch) is first


def test_what_is_painted_is_the_patch(qtbot, document, view, clip, show):
    film = show(document, view, clip)
    rect = film.strip.cell_rect(index_of(film, 7))
    painted = picture(film, 7)[PAD:-PAD, PAD:-PAD]
    expected = cv2.resize(crop_of(film, 7)[..., 2::-1].copy(), (rect.width(), rect.height()))
    inner = slice(rect.width() // 4, rect.width() * 3 // 4)
    assert likeness(painted[inner, inner], expected[inner, inner]) > 0.97


def test_the_border_tells_the_expected_error(qtbot, document, view, clip, show):
    errors = np.full((FRAMES, 1), np.nan)
    errors[:, 0][[3, 4, 5]] = 0.2, 3.0, 9.0
    document.expected_error.write([0], 0, errors)
    document.set_state([0], 6, 7, State.OUT_OF_VIEW)
    film = show(document, view, clip)
    base = film.palette().alternateBase().color()
    for frame, error in ((3, 0.2), (4, 3.0)):
        colour = error_colour(error, view.error_threshold, base)
        assert (picture(film, frame)[1, 10:-10] == [colour.red(), colour.green(), colour.blue()]).all()
    colour = error_colour(9.0, view.error_threshold, base)
    wrong = picture(film, 5)
    rows = (wrong[1:6, 10:-10] == [colour.red(), colour.green(), colour.blue()]).all(axis=2)
    assert rows.any(axis=1).sum() == 4  # thick
    assert (wrong[1:5, 10:-10] == HALO).all(axis=2).any()  # with light dashes
    unknown = picture(film, 8)[PAD - 1, 10:-10]
    assert 1 < len(np.unique(unknown, axis=0)) < 4  # dots
    view.error_threshold = 1.0
    settle(qtbot, film)
    assert (picture(film, 4)[1:5, 10:-10] == HALO).all(axis=2).any()


def test_marks_differ_in_shape_and_not_only_in_colour(qtbot, document, view, clip, show):
    view.playhead = 30
    film = show(document, view, clip)
    before = {frame: picture(film, frame) for frame in (10, 11, 12, 13, 14, 15)}
    document.place_anchor(0, 10, *document.table.xy[0, 10].tolist())
    document.approve([0], 11, 12)
    document.set_state([0], 12, 13, State.OCCLUDED)
    document.set_state([0], 13, 14, State.OUT_OF_VIEW)
    document.clear([0], 14, 15)
    settle(qtbot, film)
    changed = {frame: (picture(film, frame) != old).any(axis=2) for frame, old in before.items()}
    side = film.strip.layout_.side
    ys, xs = np.nonzero(changed[10][PAD:-PAD, PAD:-PAD])
    assert max(xs.max(), ys.max()) < side / 2  # a diamond at the top left
    ys, xs = np.nonzero(changed[11][PAD:-PAD, PAD:-PAD])
    assert xs.min() > side / 2
    assert ys.max() < side / 2  # a tick at the top right
    assert changed[12].mean() > 0.5  # hatched all over
    for empty in (13, 14):
        inner = picture(film, empty)[PAD + 3 : -PAD - 3, PAD + 3 : -PAD - 3]
        assert (inner == inner[-1, -1]).all(axis=2).mean() > 0.6
    assert (picture(film, 13) != picture(film, 14)).any()  # the words differ
    assert not changed[15].any()


def test_where_not_all_frames_fit_the_worst_of_each_group_is_shown(qtbot, view, clip, show):
    document = tracked(clip, 2000, np.tile(START, (2000, 1)))
    errors = np.full((2000, 1), 0.5)
    errors[1234] = 9.0
    document.expected_error.write([0], 0, errors)
    film = show(document, view, None)
    assert film.strip.cells.step > 1
    assert len(frames_shown(film)) == len(film.strip.visible_indices())
    assert 1234 in frames_shown(film)
    film.strip.verticalScrollBar().setValue(10_000)
    assert film.strip.verticalScrollBar().value() == 0
    document.expected_error.write([0], 700, np.array([[12.0]]))
    settle(qtbot, film)
    assert {700, 1234} <= set(frames_shown(film))


def test_in_out_range_and_chosen_cells_limit_it(qtbot, document, view, clip, show):
    film = show(document, view, clip)
    view.loop_range = (5, 15)
    settle(qtbot, film)
    assert frames_shown(film) == list(range(5, 15))
    view.cell_range = ((0,), 8, 11)
    settle(qtbot, film)
    assert frames_shown(film) == [8, 9, 10]
    view.cell_range = ((77,), 1, 3)
    settle(qtbot, film)
    assert frames_shown(film) == list(range(5, 15))


def test_every_frame_scrolls_and_follows_the_playhead(qtbot, document, view, clip, show):
    film = show(document, view, clip, 420, 150)
    film.bar.frames_box.setCurrentIndex(film.bar.frames_box.findData(1))
    film.bar.size_slider.setValue(90)
    settle(qtbot, film)
    assert film.strip.layout_.rows == 1  # too low for two
    bar = film.strip.horizontalScrollBar()
    assert bar.maximum() > 0
    view.playhead = 1
    assert bar.value() == 0  # in view already
    view.playhead = 30
    rect = film.strip.cell_rect(index_of(film, 30))
    assert film.strip.viewport().rect().contains(rect)
    settle(qtbot, film)
    assert crop_of(film, 30) is not None
    value = bar.value()
    view.playhead = 31
    assert bar.value() == value


def test_the_reference_is_the_first_anchor_or_the_nearest(qtbot, document, view, clip, show):
    document.place_anchor(0, 25, 100, 100)
    film = show(document, view, clip)
    view.playhead = 22
    assert film.reference.patch.frame == 0
    film.bar.reference_box.setCurrentIndex(1)
    settle(qtbot, film)
    assert film.reference.patch == Patch(25, 100, 100, film.patch_size)
    view.playhead = 5
    settle(qtbot, film)
    assert film.reference.patch.frame == 0
    view.playhead = 22
    settle(qtbot, film)
    qtbot.mouseClick(film.reference, LEFT, pos=film.reference.picture_rect().center())
    assert view.playhead == 25


# -- what is asked of the thread


@pytest.fixture
def requests(monkeypatch):
    """All that panels ask of their threads."""
    asked = []
    want = PatchWorker.want

    def listen(self, request):
        asked.append(request)
        want(self, request)

    monkeypatch.setattr(PatchWorker, "want", listen)
    return asked


def test_only_changed_patches_are_asked_again(qtbot, document, view, clip, show, requests):
    film = show(document, view, clip)
    asked = len(requests)
    document.place_anchor(0, 9, 60, 70)
    settle(qtbot, film)
    patches = [patch for request in requests[asked:] for patch in (*request.urgent, *request.later)]
    assert patches == [Patch(9, 60, 70, film.patch_size)]
    with open_source(clip, "bgra") as source:
        assert (crop_of(film, 9) == cut_patch(source.frame(9), 60, 70, film.patch_size)).all()
    document.rename(0, "Nose")
    document.undo()
    document.undo()
    settle(qtbot, film)
    assert crop_of(film, 9) is not None


def test_patches_in_view_are_asked_first(qtbot, document, view, clip, show, requests):
    film = show(document, view, clip, 420, 150)
    film.bar.frames_box.setCurrentIndex(film.bar.frames_box.findData(1))
    film.bar.size_slider.setValue(90)
    settle(qtbot, film)
    requests.clear()
    film.zoom(-1)
    request = requests[0]
    seen = {int(film.strip.cells.frames[index]) for index in film.strip.visible_indices()}
    assert len(seen) < FRAMES / 2
    assert {patch.frame for patch in request.urgent} == seen
    assert {patch.frame for patch in request.later} == set(range(FRAMES)) - seen
    settle(qtbot, film)
    assert crop_of(film, 30) is not None


def test_answers_to_an_older_want_are_dropped(qtbot, document, view, clip, show, requests):
    film = show(document, view, clip)
    film.zoom(-1)
    settle(qtbot, film)
    size, right = film.patch_size, crop_of(film, 12)
    wrong = np.zeros((size, size, 4), np.uint8)
    film.feed._worker.ready.emit(PatchesReady(requests[0].generation, (patch_of(film, 12),), (wrong,)))
    film.feed._worker.failed.emit(PatchesFailed(requests[0].generation, None, "too late"))
    assert crop_of(film, 12) is right
    assert not film.feed.broken
    assert {patch.size for patch in film.feed._crops} == {size}
    assert len(film.feed._crops) == FRAMES


def test_pixmaps_do_not_live_in_the_memory_of_arrays(qtbot, monkeypatch):
    made: list[np.ndarray] = []
    resize = cv2.resize

    def kept(*args, **options):
        made.append(resize(*args, **options))
        return made[-1]

    monkeypatch.setattr(cv2, "resize", kept)
    pixmap = crop_pixmap(np.full((8, 8, 4), 128, np.uint8), 40, 1.0)  # one that is partly clear
    before = pixmap.toImage().pixel(20, 20)
    made[0][:] = 7
    assert pixmap.toImage().pixel(20, 20) == before


def test_a_hidden_panel_decodes_nothing(qtbot, document, view, clip, requests):
    view.select([0])
    film = Filmstrip(document, view)
    qtbot.addWidget(film)
    film.set_source(clip)
    view.playhead = 4
    document.place_anchor(0, 9, 60, 70)
    qtbot.waitUntil(lambda: not film._soon.isActive())
    assert not requests
    assert film.feed._worker is None


def test_a_failure_is_told_in_the_panel(qtbot, document, view, tmp_path, show):
    missing = tmp_path / "gone.mp4"
    film = show(document, view, missing)
    qtbot.waitUntil(lambda: "does not exist" in film.empty_label.text())
    assert film.empty_label.isVisible()
    folder = make_pictures(tmp_path / "shot", range(FRAMES), width=WIDTH, height=HEIGHT)
    (folder / "frame_0002.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    hints: list[str] = []
    film.hint.connect(hints.append)
    film.set_source(folder)
    settle(qtbot, film)
    assert film.strip.isVisible()
    assert "frame_0002.png" in hints[0]
    assert "frame_0002.png" in film._tip(film.strip.cells.cell(2))
    assert crop_of(film, 3) is not None


def test_the_thread_ends_with_stop(qtbot, document, view, clip, show):
    film = show(document, view, clip)
    worker = film.feed._worker
    assert worker.isRunning()
    film.stop()
    assert worker.isFinished()
    film.zoom(-1)  # and starts again when it is needed
    settle(qtbot, film)
    assert crop_of(film, 3) is not None
    worker = film.feed._worker
    film.close()
    assert worker.isFinished()


# -- mouse


def test_a_click_goes_to_the_frame_and_changes_nothing(qtbot, document, view, clip, show):
    film, steps = show(document, view, clip), document.history_position
    for frame in (17, 3, 39):
        QTest.mousePress(film.strip.viewport(), LEFT, NONE, centre_of(film, frame))
        QTest.mouseMove(film.strip.viewport(), centre_of(film, frame) + QPoint(DRAG_FROM - 1, 0))
        QTest.mouseRelease(film.strip.viewport(), LEFT, NONE, centre_of(film, frame))
        assert view.playhead == frame
    assert document.history_position == steps


def test_dragging_the_picture_onto_the_cross_corrects_the_frame(qtbot, document, view, clip, show):
    view.playhead = 5
    film, steps = show(document, view, clip), document.history_position
    corrected = []
    film.corrected.connect(lambda *what: corrected.append(what))
    start = document.table.xy[0, WRONG].copy()
    scale = film.patch_size / film.strip._close_up(index_of(film, WRONG)).width()
    assert scale < 0.5  # a pixel of the mouse is a part of one of the video
    dx, dy = np.rint(MISS / scale).astype(int).tolist()
    drag(film, WRONG, dx, dy)
    now = document.table.xy[0, WRONG]
    assert now == pytest.approx(start - np.array([dx, dy]) * scale, abs=1e-3)
    assert np.abs(now - truth(WRONG)).max() <= scale
    assert document.table.source[0, WRONG] == Source.ANCHOR
    assert document.history_position == steps + 1
    assert corrected == [(0, WRONG)]
    assert view.playhead == 5
    # The patch at the new place is there at once, and it is exactly that of the frame.
    size = film.patch_size
    with open_source(clip, "bgra") as source:
        expected = cut_patch(source.frame(WRONG), float(now[0]), float(now[1]), size)
    settle(qtbot, film)
    assert likeness(crop_of(film, 0), crop_of(film, WRONG)) > 0.93
    assert np.abs(crop_of(film, WRONG).astype(int) - expected).max() <= 2
    document.undo()
    assert (document.table.xy[0, WRONG] == start).all()


def test_after_a_drag_nothing_needs_to_be_decoded(qtbot, document, view, clip, show, requests):
    film = show(document, view, clip)
    drag(film, WRONG, 12, 5, release=False)
    qtbot.waitUntil(lambda: film.strip.correction.is_exact)
    asked = len(requests)
    QTest.mouseRelease(film.strip.viewport(), LEFT, NONE, centre_of(film, WRONG))
    assert crop_of(film, WRONG) is not None
    assert not [patch for request in requests[asked:] for patch in (*request.urgent, *request.later)]


def test_the_dragged_picture_follows_the_mouse_under_a_fixed_cross(qtbot, document, view, clip, show):
    film = show(document, view, clip)
    scale = drag(film, WRONG, 40, -22, release=False)
    qtbot.waitUntil(lambda: film.strip.correction.is_exact)
    correction, size = film.strip.correction, film.patch_size
    with open_source(clip, "bgra") as source:
        image = source.frame(WRONG)
    x, y = document.table.xy[0, WRONG].tolist()
    assert (x, y) == pytest.approx((correction.patch.x - 40 * scale, correction.patch.y + 22 * scale), abs=1e-3)
    assert np.abs(correction.picture().astype(int) - cut_patch(image, x, y, size)).max() <= 2
    QTest.mouseRelease(film.strip.viewport(), LEFT, NONE, centre_of(film, WRONG))


@pytest.mark.parametrize("end", ["escape", "other button", "hide"])
def test_a_drag_can_be_taken_back(qtbot, document, view, clip, show, end):
    film, before = show(document, view, clip), document.table.read([0], 0, FRAMES)
    corrected = []
    film.corrected.connect(lambda *what: corrected.append(what))
    drag(film, WRONG, 30, 12, release=False)
    assert not document.table.read([0], 0, FRAMES).equals(before)
    if end == "escape":
        QTest.keyClick(film.strip, Qt.Key.Key_Escape)
    elif end == "other button":
        QTest.mousePress(film.strip.viewport(), Qt.MouseButton.RightButton, NONE, centre_of(film, WRONG))
    else:
        film.hide()
    assert document.table.read([0], 0, FRAMES).equals(before)
    QTest.mouseRelease(film.strip.viewport(), LEFT, NONE, QPoint(100, 100))
    assert not corrected
    assert not film.strip.hasFocus()


def test_a_locked_track_refuses(qtbot, document, view, clip, show):
    document.set_locked([0])
    film, before = show(document, view, clip), document.table.read([0], 0, FRAMES)
    refusals: list[str] = []
    document.refused.subscribe(refusals.append)
    drag(film, WRONG, 30, 12)
    assert document.table.read([0], 0, FRAMES).equals(before)
    assert len(refusals) == 1
    assert "locked" in refusals[0]
    assert film.strip.correction is None


def test_a_frame_without_a_position_cannot_be_dragged(qtbot, document, view, clip, show):
    document.set_state([0], WRONG, WRONG + 1, State.OUT_OF_VIEW)
    film, steps = show(document, view, clip), document.history_position
    hints: list[str] = []
    film.hint.connect(hints.append)
    drag(film, WRONG, 30, 12)
    assert document.history_position == steps
    assert len(hints) == 1


def test_a_corrected_frame_stays_in_view_though_it_is_no_longer_the_worst(qtbot, view, clip, show):
    document = tracked(clip, 2000, np.tile(START, (2000, 1)))
    document.expected_error.write([0], 0, np.linspace(1, 8, 2000)[:, None])
    film = show(document, view, None)
    frame = frames_shown(film)[7]
    film.corrected.connect(lambda track, at: document.expected_error.write([track], at, np.zeros((1, 1))))
    drag(film, frame, 10, 10)
    settle(qtbot, film)
    assert frame in frames_shown(film)


def test_the_wheel_zooms_the_patches_and_scrolls(qtbot, document, view, clip, show):
    film = show(document, view, clip)
    assert film.patch_size == 24  # a twelfth of the shorter side, and no less than that
    place = QPointF(film.strip.viewport().mapTo(film.window(), QPoint(60, 60)))
    wheel = (film.window().windowHandle(), place)
    QTest.wheelEvent(*wheel, QPoint(0, -120), QPoint(), Qt.KeyboardModifier.ControlModifier)
    assert film.patch_size > 24
    assert film.bar.zoom_label.text().startswith(str(film.patch_size))
    for _ in range(20):
        QTest.wheelEvent(*wheel, QPoint(0, -120), QPoint(), Qt.KeyboardModifier.ControlModifier)
    assert film.patch_size == 128
    settle(qtbot, film)
    assert crop_of(film, 3).shape == (128, 128, 4)
    film.bar.frames_box.setCurrentIndex(film.bar.frames_box.findData(1))
    film.bar.size_slider.setValue(80)
    QTest.wheelEvent(*wheel, QPoint(0, -120), QPoint())
    assert film.strip.verticalScrollBar().value() > 0


# -- keys


def test_arrows_walk_and_enter_goes_there_before_the_shortcuts_of_the_window(qtbot, document, view, clip, show):
    film, stolen = show(document, view, clip), []
    for name in ("Right", "Return", "V"):
        shortcut = QShortcut(QKeySequence(name), film)
        shortcut.activated.connect(lambda name=name: stolen.append(name))
    film.activateWindow()
    qtbot.waitUntil(film.isActiveWindow)
    view.playhead = 10
    QTest.keyClick(film, Qt.Key.Key_Right)
    assert stolen.pop() == "Right"
    film.strip.setFocus()
    columns = film.strip.layout_.columns
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Down):
        QTest.keyClick(film.strip, key)
    assert view.playhead == 10
    assert film.strip.current == 11 + columns
    assert f"Frame {11 + columns}" in film.strip.accessibleDescription()
    QTest.keyClick(film.strip, Qt.Key.Key_Return)
    assert view.playhead == 11 + columns
    for key, moves in ((Qt.Key.Key_Up, False), (Qt.Key.Key_PageDown, True), (Qt.Key.Key_PageUp, True)):
        before = film.strip.current
        QTest.keyClick(film.strip, key)
        QTest.keyClick(film.strip, key)  # a second time there is no row there, but still an end to go to
        assert (abs(film.strip.current - before) > columns) == moves
    for key, frame in ((Qt.Key.Key_End, FRAMES - 1), (Qt.Key.Key_Home, 0)):
        QTest.keyClick(film.strip, key)
        QTest.keyClick(film.strip, Qt.Key.Key_Return)
        assert view.playhead == frame
    QTest.keyClick(film.strip, Qt.Key.Key_V)
    assert stolen == ["V"]


def test_everything_has_a_name(qtbot, document, view, clip, show):
    film = show(document, view, clip)
    assert film.strip.accessibleName() == "Patches of Track 1"
    assert film.reference.accessibleName() == "Anchor 0"
    for part in (film, film.bar.frames_box, film.bar.reference_box, film.bar.size_slider):
        assert part.accessibleName()


# -- empty states


def test_it_says_why_there_is_nothing(qtbot, document, view, clip, show):
    film = show(document, view, clip, select=False)
    assert film.empty_label.isVisible()
    assert "Select a track" in film.empty_label.text()
    view.select([0])
    settle(qtbot, film)
    assert film.strip.isVisible()
    document.clear([0], 0, FRAMES)
    settle(qtbot, film)
    assert "no position" in film.empty_label.text()
    document.delete_tracks([0])
    settle(qtbot, film)
    assert "Select a track" in film.empty_label.text()
    film.set_document(None)
    film.set_source(None)
    assert "Select a track" in film.empty_label.text()


@pytest.mark.parametrize("palette", [dark_palette, light_palette])
def test_another_palette_reaches_the_strip(qtbot, document, view, clip, show, palette):
    film = show(document, view, clip)
    film.setPalette(palette())
    settle(qtbot, film)
    colour = palette().base().color()
    assert (pixels(film.strip.viewport())[-1, -1] == [colour.red(), colour.green(), colour.blue()]).all()


class TestLayout:
    @given(st.integers(1, 500), st.integers(LEAST, 160), st.integers(60, 2000), st.integers(40, 600), st.data())
    def test_a_cell_is_found_where_it_stands(self, count, side, width, height, data):
        layout = lay_out(count, width, height, side)
        index = data.draw(st.integers(0, count - 1))
        x, y = layout.corner(index)
        assert layout.index_at(x, y) == index
        assert layout.index_at(x + layout.box_width - 1, y + layout.box_height - 1) == index
        assert index in layout.indices_in(x, y, x, y)
        across, down = layout.size
        assert x + layout.box_width <= across
        assert y + layout.box_height <= down

    @given(st.integers(1, 100_000), st.integers(100, 2000), st.integers(40, 600))
    def test_what_is_to_fit_fits(self, count, width, height):
        step = step_that_fits(count, width, height)
        cells = -(-count // step)
        layout = largest_that_fits(cells, width, height)
        assert layout is not None
        assert layout.count == cells
        across, down = layout.size
        assert across <= width
        assert down <= height

    def test_nothing_is_found_beside_the_cells(self):
        layout = StripLayout(5, 30, 3)
        assert layout.index_at(5, 5) is None  # the numbers of the rows
        assert layout.index_at(layout.size[0], 5) is None
        assert layout.index_at(*layout.corner(5)) is None
        assert layout.index_at(40, -3) is None
