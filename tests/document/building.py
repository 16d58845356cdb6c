"""Small documents and predictions for the tests."""

import hashlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from app.document.project import Document
from app.document.store import Store
from app.document.video_ref import VideoRef
from tracker.inference.session import Prediction


def video_ref(n_frames=150, width=640, height=480, path="/nowhere/clip.mp4"):
    pts = np.arange(n_frames)
    return VideoRef(path, n_frames, width, height, Fraction(25), Fraction(1, 25), pts, content_hash="ab")


def connection_of(document: Document):
    """The database of a document."""
    assert isinstance(document._keeper, Store)
    return document._keeper._connection


def file_of(document: Document) -> Path:
    """The file of a document that has one."""
    assert document.file is not None
    return document.file


def prediction(first, ids, n_frames=16, seed=0, nan=0.0):
    """Random tracks, partly outside of the frame of `video_ref`; a share `nan` of them says nothing."""
    random = np.random.default_rng([seed, first + 1000])
    tracks = random.uniform(-100, 700, (n_frames, len(ids), 2)).astype(np.float32)
    tracks[random.random((n_frames, len(ids))) < nan] = np.nan
    visibility, confidence = random.random((2, n_frames, len(ids)), dtype=np.float32)
    disagreement = random.exponential(3, visibility.shape).astype(np.float32)
    return Prediction(first, np.array(ids, dtype=np.int64), tracks, visibility, confidence, disagreement)


def still(first, ids, xy, visibility=0.9, confidence=0.9, n_frames=16):
    """A prediction of the same everywhere."""
    shape = (n_frames, len(ids))
    return Prediction(
        first,
        np.array(ids, dtype=np.int64),
        np.broadcast_to(np.array(xy, dtype=np.float32), (*shape, 2)).copy(),
        np.full(shape, visibility, dtype=np.float32),
        np.full(shape, confidence, dtype=np.float32),
    )


def snapshot(document: Document):
    """Everything that edits apply to, to the bit."""
    table, masks = document.table, document.masks
    cells = table.read(table.ids, 0, table.n_frames)
    return (
        [replace(track) for track in table.tracks],
        to_the_bit(cells),
        [(info, [(f, painted(masks, info.id, f)) for f in masks.frames(info.id)]) for info in masks.infos],
        dict(document._scene.groups),
        [
            (take.id, take.name, take.ids, take.start, to_the_bit(take.cells))
            for _, take in sorted(document._scene.takes.items())
        ],
    )


def to_the_bit(cells):
    return {k: (a.shape, a.tobytes()) for k, a in cells.arrays().items()}


def painted(masks, mask_id, frame):
    """A hash of a bitmap."""
    return hashlib.sha1(masks.bitmap(mask_id, frame)).hexdigest()


def walk_back_and_forth(document: Document):
    """Redo, undo and redo everything; gives the snapshots by position on the ways back and forth."""
    while document.redo():
        pass
    back = {document.history_position: snapshot(document)}
    while document.undo():
        back[document.history_position] = snapshot(document)
    forth = {document.history_position: snapshot(document)}
    while document.redo():
        forth[document.history_position] = snapshot(document)
    return back, forth
