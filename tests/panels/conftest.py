"""Documents with tracks of known values, made through the document's own intentions."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from app.document.project import Document
from app.document.runs import RunInfo
from app.document.video_ref import VideoRef
from app.document.view_state import ViewState
from tracker.inference.session import Prediction


@pytest.fixture
def view() -> ViewState:
    return ViewState()


@pytest.fixture
def make_document() -> Callable[..., Document]:
    """make_document(n_tracks, n_frames): every track visible on all frames, confidence 0.9 but for the anchor at 0."""

    def make(n_tracks: int = 4, n_frames: int = 200, confidence: float = 0.9) -> Document:
        pts = np.arange(n_frames, dtype=np.int64)
        video = VideoRef("/clips/street.mp4", n_frames, 640, 480, Fraction(25), Fraction(1, 25), pts)
        document = Document(n_frames, video)
        points = np.tile(np.array([0, 100, 100], np.float32), (n_tracks, 1))
        if not n_tracks:
            return document
        ids = document.add_tracks(points)
        run = document.begin_run(RunInfo("lucas-kanade"))
        sure = np.ones((n_frames, n_tracks), np.float32)
        xy = np.full((n_frames, n_tracks, 2), 100, np.float32)
        prediction = Prediction(0, np.array(ids, np.int64), xy, sure, sure * np.float32(confidence))
        document.apply_prediction(run, prediction)
        document.end_run(run, "done")
        return document

    return make
