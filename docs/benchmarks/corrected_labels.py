"""Part of a clip with known tracks as a label set that a person corrected whole, and another part to be held back.

python docs/benchmarks/corrected_labels.py DATA/tracks/flies_pair_60s.npz --train 900:1250 --held 1250:1500 -o WORK

DATA/tracks/NAME.npz is as `trackwright evaluate --dataset npz:DATA` reads it. WORK becomes train and held, two such
folders with videos of their own, and labels, the label set of train, every known position in it approved.
"""

import argparse
from pathlib import Path

import numpy as np

from tracker.labels import Source, State, TrackFile
from tracker.labels.label_file import LabelFile, Origin, write_labels
from tracker.labels.label_set import LabelSet
from tracker.video import VideoWriter, content_hash, open_source


def cut(truth: Path, start: int, end: int, folder: Path) -> Path:
    """Write the frames [start, end) of a clip as a video with its tracks; the file of the tracks."""
    (folder / "tracks").mkdir(parents=True)
    (folder / "videos").mkdir()
    name = f"{truth.stem}-{start}-{end}"
    with np.load(truth, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    video = folder / "videos" / f"{name}.mp4"
    with (
        open_source(truth.parent.parent / str(arrays["video"]), threads="auto") as source,
        VideoWriter(video, source.width, source.height, source.fps) as writer,
    ):
        for frame in source.frames(start, end):
            writer.write(frame)
    arrays |= {key: arrays[key][:, start:end] for key in ("tracks", "visible", "evaluate") if key in arrays}
    np.savez(folder / "tracks" / f"{name}.npz", **{**arrays, "video": f"videos/{name}.mp4"})
    return folder / "tracks" / f"{name}.npz"


def label(truth: Path, labels: LabelSet) -> None:
    """Put the tracks of a file into a label set, as a person would have placed and approved them."""
    with np.load(truth, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    video = (truth.parent.parent / str(arrays["video"])).resolve()
    with open_source(video) as source:
        identity = content_hash(source)
        tracks = TrackFile.empty(len(arrays["tracks"]), source.pts, source.time_base, (source.width, source.height))
    seen = arrays["visible"]
    hidden = arrays.get("evaluate", np.ones_like(seen)) & ~seen
    tracks.xy[seen] = arrays["tracks"][seen]
    tracks.state[seen], tracks.state[hidden] = State.VISIBLE, State.OCCLUDED
    tracks.source[seen | hidden] = Source.ANCHOR
    tracks.approved[:] = seen | hidden
    tracks.query_from_first_visible()
    name = f"{truth.stem}-{identity[:8]}"
    write_labels(labels.labels_path(name), LabelFile(tracks, Origin(str(video), identity)))


def _frames(text: str) -> tuple[int, int]:
    start, end = map(int, text.split(":"))
    return start, end


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--train", required=True, help="frames START:END")
    parser.add_argument("--held", required=True, help="frames START:END, none of which are in the other part")
    parser.add_argument("-o", "--output", type=Path, required=True)
    chosen = parser.parse_args()
    train, held = (_frames(part) for part in (chosen.train, chosen.held))
    if max(train[0], held[0]) < min(train[1], held[1]):
        parser.error("the two parts share frames")
    labels = LabelSet.create(chosen.output / "labels", {"made": f"from {chosen.truth.name}, frames {chosen.train}"})
    label(cut(chosen.truth, train[0], train[1], chosen.output / "train"), labels)
    cut(chosen.truth, held[0], held[1], chosen.output / "held")


if __name__ == "__main__":
    main()
