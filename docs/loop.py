"""The loop, end to end: trackers label clips, a simulated person curates, a student learns, and is compared.

python docs/loop.py DATA -o WORK --minutes 20

DATA is a folder of clips with known tracks, as `trackwright evaluate --dataset npz:DATA` reads it. Some of the clips
are held back for the comparison. What the person sees of the others is their known tracks, and only where he looks.
What each step does, and what it is good for, is in docs/loop.md.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from main import app
from tracker.evaluation import LabelledVideo, open_dataset
from tracker.evaluation.effort_clip import ClipFrames, EffortClip, Hand
from tracker.evaluation.effort_strategies import BridgedGaps, Footage
from tracker.inference import LucasKanade, Tracker, load_tracker
from tracker.labels import Source, State, TrackFile, write_tracks
from tracker.labels.label_set import Decision, LabelSet

SPAN = 16  # frames that are looked at together


@dataclass(frozen=True)
class Person:
    """The simulated person. Pixels are those of a picture of 256x256; the seconds are assumptions.

    Attributes:
        budget: seconds for one clip.
        look: to look through a span of a track.
        click: to put a point where it belongs.
        tolerance: from which an error is one.
        noise: standard deviation of a click in x and in y.
        clicks: on one track; where these do not make it right, it is rejected.
    """

    budget: float = 300.0
    look: float = 2.0
    click: float = 4.0
    tolerance: float = 4.0
    noise: float = 0.5
    clicks: int = 12


@dataclass
class Work:
    """What he did on a clip."""

    seconds: float = 0.0
    looks: int = 0
    corrections: int = 0
    rejected: list[int] = field(default_factory=list)


class Curation:
    """One clip: tracks that begin with a click of the person, and what becomes of them.

    Args:
        clip: with its truth.
        tracker: by which the tracks are made, and bridged after a correction.
        person: what he is like.
    """

    def __init__(self, clip: EffortClip, tracker: Tracker, person: Person) -> None:
        count = max(1, int(person.budget / 2 / person.click))  # the other half is for looking
        clip = replace(clip, tracks=clip.tracks[:count], judged=clip.judged[:count])
        self.clip, self.person, self.work = clip, person, Work()
        self._hand = Hand(clip, person.noise, person.clicks, seed=0)
        self.clicks = [{frame: self._hand.click(row, frame, 0)} for row, frame in enumerate(clip.first_frames.tolist())]
        self._strategy = BridgedGaps(Footage(clip, tracker))
        self.tracks = self._strategy.first(self.clicks)
        other = Footage(clip, LucasKanade()).first_run(self.clicks).tracks
        apart = np.linalg.norm((self.tracks - other) * clip.metric_scale, axis=-1)
        self.doubt: NDArray[np.float64] = np.where(np.isnan(apart), np.inf, apart)  # one of the two gave up
        self.approved = np.zeros(clip.judged.shape, bool)

    def run(self) -> None:
        """Look at the most doubtful span first, put right what is wrong in it, approve what is not, till time is up."""
        self.work.seconds += self.person.click * len(self.clicks)
        spans = {(row, start - start % SPAN) for row, start in zip(*np.nonzero(self.clip.judged), strict=True)}
        open_spans = sorted(spans, key=lambda span: (-self._worst(*span), span))
        while open_spans and self.work.seconds + self.person.look <= self.person.budget:
            row, start = open_spans.pop(0)
            if row in self.work.rejected:
                continue
            frames = slice(start, start + SPAN)
            self.work.seconds += self.person.look
            self.work.looks += 1
            errors = self.clip.errors(self._held())[row, frames]
            if errors.max() <= self.person.tolerance:
                self.approved[row, frames] = True
            elif self._correct(int(row), start + int(errors.argmax())):
                open_spans.insert(0, (row, start))

    def _worst(self, row: int, start: int) -> float:
        return float(self.doubt[row, start : start + SPAN].max())

    def _held(self) -> NDArray[np.float32]:
        """The tracks, where somebody clicked on the click."""
        held = self.tracks.copy()
        for row, clicks in enumerate(self.clicks):
            for frame, place in clicks.items():
                held[row, frame] = place
        return held

    def _correct(self, row: int, frame: int) -> bool:
        """Click on the worst frame and bridge to the neighbours; False where the track is given up."""
        if len(self.clicks[row]) >= self.person.clicks:
            self.work.rejected.append(row)
            self.approved[row] = False
            return False
        self.clicks[row][frame] = self._hand.click(row, frame, len(self.clicks[row]))
        self.work.seconds += self.person.click
        self.work.corrections += 1
        before = self.tracks[row].copy()
        self.tracks = self._strategy.corrected(self.tracks, self.clicks, {row: frame})
        # What was approved stays as it was approved, as in the window.
        self.tracks[row, self.approved[row]] = before[self.approved[row]]
        return True

    def tracks_file(self, video: LabelledVideo, like: TrackFile) -> TrackFile:
        """As the window would have saved it: clicks are anchors, what was looked at is approved, rejected is gone."""
        kept = [row for row in range(len(self.clicks)) if row not in self.work.rejected]
        made = TrackFile.empty(len(kept), like.pts, like.time_base, like.size_wh)
        length = self.tracks.shape[1]
        xy, here = self._held()[kept], (slice(None), slice(0, length))
        known = ~np.isnan(xy).any(axis=-1)
        seen = (video.visible & video.labelled).any(axis=1)  # whose rows are those of the clip
        hidden = (video.labelled & ~video.visible)[seen][kept] & self.approved[kept]
        made.xy[here] = np.where((known & ~hidden)[..., None], xy, np.nan)
        made.state[here] = np.where(hidden, State.OCCLUDED, np.where(known, State.VISIBLE, State.UNLABELLED))
        made.source[here] = np.where(known | hidden, Source.MODEL, Source.NONE)
        made.approved[here] = self.approved[kept] & (known | hidden)
        for row, number in enumerate(kept):
            made.source[row, list(self.clicks[number])] = Source.ANCHOR
        made.names = [f"person-{number:03d}" for number in kept]
        made.query_from_first_visible()
        return made


def joined(first: TrackFile, second: TrackFile) -> TrackFile:
    """The tracks of both, of one video; nobody knows how far trackers disagree on the second ones."""

    def both(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(first, name), getattr(second, name)])

    apart = first.disagreement
    if apart is not None:
        apart = np.concatenate([apart, np.full(second.state.shape, np.nan, np.float16)])
    return replace(
        first,
        xy=both("xy"),
        state=both("state"),
        visibility=both("visibility"),
        confidence=both("confidence"),
        source=both("source"),
        approved=both("approved"),
        query_points=both("query_points"),
        names=[*first.names, *second.names],
        groups=[*first.groups, *second.groups],
        disagreement=apart,
    )


def curate(labels: LabelSet, truths: dict[str, LabelledVideo], model: str, person: Person, frames: int) -> None:
    """Curate every video of the set whose truth is known; `truths` has them by the name of their file."""
    tracker = load_tracker(model, "cpu")
    for name in labels.names():
        read = labels.read(name)
        video = truths[Path(read.origin.video).stem].first_frames(frames)
        with video.open() as opened:
            clip = EffortClip.of(video, ClipFrames(video.name, opened, video.visible.shape[1]))
            curation = Curation(clip, tracker, person)
            curation.run()
        labels.curated_path(name).parent.mkdir(exist_ok=True)
        write_tracks(labels.curated_path(name), joined(read.tracks, curation.tracks_file(video, read.tracks)))
        work, seen = curation.work, curation.clip.judged
        share = (curation.approved & seen).sum() / seen.sum()
        print(
            f"{name}: {work.seconds:.0f} s of a person: {len(seen)} tracks, {work.looks} looks, {work.corrections} "
            f"corrections, {len(work.rejected)} tracks rejected, {share:.0%} of what is seen of them approved"
        )


def run(*arguments: object) -> None:
    """`trackwright ARGUMENTS`."""
    words = [str(argument) for argument in arguments]
    print("$ trackwright", *words, flush=True)
    app(words, prog_name="trackwright", standalone_mode=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """All of it."""
    chosen = _parse(arguments)
    folder: Path = chosen.output
    dataset = open_dataset(f"npz:{chosen.data}")
    clips = {video.name: video for video in dataset.videos(frozenset(chosen.clip or ()))}
    held = chosen.held or sorted(clips)[1::2]
    training = [name for name in clips if name not in held]
    print(f"learned from: {', '.join(training)}; held back: {', '.join(held)}")

    paths = {name: _video_of(chosen.data, name) for name in training}
    teachers = f"{chosen.model},lucas-kanade"
    settings = ["--points", chosen.points, "--ensemble", "--workers", chosen.workers]
    run("pseudo-label", *paths.values(), "--teachers", teachers, *settings, "-o", folder / "labels")

    labels = LabelSet.open(folder / "labels")
    by_video = {path.stem: clips[name] for name, path in paths.items()}
    curate(labels, by_video, chosen.model, Person(budget=chosen.human_seconds), chosen.frames)
    if chosen.accept is not None:
        labels.decide(Decision("bulk", threshold=chosen.accept, by="simulated person"))

    length = ["--steps", chosen.steps] if chosen.steps else ["--minutes", chosen.minutes]
    config = ["--config", chosen.config] if chosen.config else []
    options = ["--stage", "corrected", "--held-share", 0, "--no-report", "--device", "cpu", *config]
    student = folder / "student"
    run("finetune", folder / "labels", "--from", chosen.model, "-o", student, *length, *options)

    shown = [part for name in held for part in ("--held", name)]
    truth = ["--dataset", f"npz:{chosen.data}", *shown, "--frames", chosen.frames, "-o", folder / "comparison.md"]
    effort = ["--effort-tracks", chosen.effort_tracks]
    run("compare", chosen.model, student / "weights.safetensors", *truth, *effort, "--device", "cpu")


def _video_of(data: Path, name: str) -> Path:
    """The video that a file of tracks is of."""
    found = next(path for path in (data / f"{name}.npz", data / "tracks" / f"{name}.npz") if path.exists())
    with np.load(found, allow_pickle=False) as file:
        return (found.parent.parent / str(file["video"])).resolve()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="a new folder for labels and student")
    parser.add_argument("--model", default="trackwright-compact", help="a tracker by name, or a weights file")
    parser.add_argument("--clip", action="append", help="only this clip; may be given repeatedly")
    parser.add_argument("--held", action="append", help="a clip to hold back; default every second by name")
    parser.add_argument("--minutes", type=float, default=20.0, help="of training")
    parser.add_argument("--steps", type=int, help="of training, in place of minutes")
    parser.add_argument("--config", type=Path, help="a TOML file for finetune")
    parser.add_argument("--points", type=int, default=64, help="that trackers label in each shot")
    parser.add_argument("--workers", type=int, default=1, help="processes that label")
    parser.add_argument("--frames", type=int, default=200, help="first frames of a clip that are used")
    parser.add_argument("--human-seconds", type=float, default=300.0, help="of the simulated person for each clip")
    parser.add_argument("--accept", type=float, help="accept other labels up to this doubt in pixels of the video")
    parser.add_argument("--effort-tracks", type=int, default=16, help="tracks on which corrections are simulated")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
