"""What garbage mattes mean for tracks: where new points may lie, and which tracks have come inside."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.document.project import Document

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
    """The first frame on which each of these tracks has a position inside a garbage matte; the others are left out.

    Between two painted frames mattes stand still, so that each is unpacked once.
    """
    table, masks = document.table, document.masks
    wanted = [int(i) for i in ids if i in table]
    mattes = [info.id for info in masks.infos if info.matte]
    painted = sorted({frame for mask_id in mattes for frame in masks.frames(mask_id) if frame < table.n_frames})
    found: dict[int, int] = {}
    for start, end in pairwise([*painted, table.n_frames]):
        matte = masks.matte(start)
        if matte is None or not matte.any():
            continue
        for first in range(start, end, AT_ONCE):
            left = [i for i in wanted if i not in found]
            if left:
                xy = table.rows("xy")[first : min(end, first + AT_ONCE)][:, table.columns(left)]
                inside = _inside(matte, xy)
                entered = np.flatnonzero(inside.any(axis=0)).tolist()
                found.update((left[k], first + int(inside[:, k].argmax())) for k in entered)
    return {i: found[i] for i in wanted if i in found}


def _inside(matte: NDArray[np.bool_], xy: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(F, K) whether positions (F, K, 2) lie on pixels of the matte; unknown ones do not."""
    height, width = matte.shape
    known: NDArray[np.bool_] = np.asarray(np.isfinite(xy).all(axis=-1))
    columns, rows = np.rint(np.where(known[..., None], xy, -1)).astype(np.int64).transpose(2, 0, 1)
    known &= (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    inside = np.zeros(known.shape, dtype=bool)
    inside[known] = matte[rows[known], columns[known]]
    return inside
