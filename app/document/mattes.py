"""What garbage mattes mean for tracks: where new points may lie, and which tracks have come inside."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.document.project import Document
from tracker.labels.table import Source, State

AT_ONCE = 4096  # frames, so that memory does not grow with the length of the video


def sampling_area(document: Document, frame: int, mask_id: int | None = None) -> NDArray[np.bool_] | None:
    """(H, W) where points may be sampled on a frame: inside a mask, or anywhere, but never in a garbage matte.

    None where that is the whole picture. A mask that holds nothing on the frame gives an area without a pixel.

    Raises:
        KeyError: there is no such mask.
    """
    masks = document.masks
    matte = masks.matte(frame)
    if mask_id is None:
        return None if matte is None else ~matte
    inside = masks.held(mask_id, frame)
    if inside is None:
        return np.zeros((masks.size[1], masks.size[0]), dtype=bool)
    return inside if matte is None else inside & ~matte


def tracks_in_matte(document: Document, ids: Iterable[int]) -> dict[int, int]:
    """The first frame on which each of these tracks has a position inside a garbage matte; the others are left out."""
    table = document.table
    wanted = [int(i) for i in ids if i in table]
    found: dict[int, int] = {}
    for start, end, matte in _standing_mattes(document):
        left = [i for i in wanted if i not in found]
        if left:
            inside = _inside(matte, table.rows("xy")[start:end][:, table.columns(left)])
            entered = np.flatnonzero(inside.any(axis=0)).tolist()
            found.update((left[k], start + int(inside[:, k].argmax())) for k in entered)
    return {i: found[i] for i in wanted if i in found}


def spans_in_matte(document: Document, ids: Iterable[int]) -> dict[int, list[tuple[int, int]]]:
    """The spans (start, end exclusive) in which each of these tracks counts as visible inside a garbage matte.

    What a person placed, flagged or approved is left out, and so are tracks without such a span.
    """
    table = document.table
    wanted = [int(i) for i in ids if i in table]
    columns = table.columns(wanted)
    found: dict[int, list[tuple[int, int]]] = {}
    for start, end, matte in _standing_mattes(document):
        xy, state, source, approved = (
            table.rows(name)[start:end][:, columns] for name in ("xy", "state", "source", "approved")
        )
        meant = _inside(matte, xy) & (state == State.VISIBLE) & (source != Source.ANCHOR) & ~approved
        for k in np.flatnonzero(meant.any(axis=0)).tolist():
            spans = found.setdefault(wanted[k], [])
            for first, last in _true_runs(meant[:, k], start):
                if spans and spans[-1][1] == first:
                    first = spans.pop()[0]
                spans.append((first, last))
    return found


def _standing_mattes(document: Document) -> Iterator[tuple[int, int, NDArray[np.bool_]]]:
    """Frames start to end (exclusive) and the (H, W) of all mattes there, in order, where there are any.

    Between two painted frames mattes stand still, so that each is unpacked once.
    """
    masks, n_frames = document.masks, document.table.n_frames
    mattes = [info.id for info in masks.infos if info.matte]
    painted = sorted({frame for mask_id in mattes for frame in masks.frames(mask_id) if frame < n_frames})
    for start, end in pairwise([*painted, n_frames]):
        matte = masks.matte(start)
        if matte is not None and matte.any():
            for first in range(start, end, AT_ONCE):
                yield first, min(end, first + AT_ONCE), matte


def _true_runs(flags: NDArray[np.bool_], offset: int) -> list[tuple[int, int]]:
    """Where (F,) flags are true: spans (start, end exclusive), counted from `offset`."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0)) + offset
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _inside(matte: NDArray[np.bool_], xy: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(F, K) whether positions (F, K, 2) lie on pixels of the matte; unknown ones do not."""
    height, width = matte.shape
    known: NDArray[np.bool_] = np.asarray(np.isfinite(xy).all(axis=-1))
    columns, rows = np.rint(np.where(known[..., None], xy, -1)).astype(np.int64).transpose(2, 0, 1)
    known &= (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    inside = np.zeros(known.shape, dtype=bool)
    inside[known] = matte[rows[known], columns[known]]
    return inside
