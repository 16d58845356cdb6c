"""Folders of `.npz` ground truth, each file naming its video.

`tracks` float (N, T, 2) x, y in pixels of the video, (0, 0) = centre of the top-left pixel, NaN where not known;
`visible` bool (N, T), seen and its position given; `evaluate` bool (N, T), labelled at all (all of it where the array
is missing); `video`, a path under the parent of the folder that the files are in.
"""

import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tracker.evaluation.labelled import LabelledVideo, check_arrays
from tracker.files import InputError
from tracker.video import open_source


class NpzFolder:
    """The files of a folder, or of the folder `tracks` in it.

    Raises:
        InputError: there is no such folder, or no `.npz` file in it.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such folder")
        self.name = f"npz:{folder}"
        self.skipped: list[str] = []
        self._files = sorted(folder.glob("*.npz")) or sorted((folder / "tracks").glob("*.npz"))
        if not self._files:
            raise InputError(f"{folder}: no .npz file in this folder nor in a folder tracks in it")

    def videos(self, names: frozenset[str] = frozenset()) -> Iterator[LabelledVideo]:
        """See `EvaluationDataset`; a video is named as its file without the suffix."""
        if unknown := sorted(names - {path.stem for path in self._files}):
            known = ", ".join(path.stem for path in self._files[:20])
            raise InputError(f"{self._files[0].parent}: there is no {unknown[0]}.npz, the videos are {known}")
        for path in self._files:
            if names and path.stem not in names:
                continue
            try:
                yield read_npz(path)
            except InputError as error:
                if str(error) not in self.skipped:
                    self.skipped.append(str(error))


def read_npz(path: Path) -> LabelledVideo:
    """One file.

    Raises:
        InputError: not such a file, or its video is missing, of another size, or shorter than the tracks.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {key: file[key] for key in ("tracks", "visible", "evaluate", "video") if key in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"{path}: this is not a whole .npz file of plain arrays") from error
    if missing := [key for key in ("tracks", "visible", "video") if key not in content]:
        raise InputError(f"{path}: the array {missing[0]} is missing")
    tracks, visible = content["tracks"], content["visible"]
    labelled = content.get("evaluate", np.ones_like(visible, bool))
    if wrong := check_arrays(tracks, visible, labelled):
        raise InputError(f"{path}: {wrong}")
    if not np.isfinite(tracks[visible]).all():
        raise InputError(f"{path}: a visible point has no position")
    video = path.parent.parent / str(content["video"])
    if not video.exists():
        raise InputError(f"{path}: its video {video} is missing")
    with open_source(video) as source:
        size, frames = (source.width, source.height), source.frame_count
    if frames < visible.shape[1]:
        raise InputError(f"{path}: tracks over {visible.shape[1]} frames, but {video.name} has only {frames}")
    return LabelledVideo(
        path.stem,
        tracks.astype(np.float32),
        visible,
        labelled | visible,
        size,
        partial(open_source, video, threads="auto"),
    )
