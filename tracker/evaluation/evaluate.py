"""Score a tracker on a data set."""

import json
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracker.evaluation.dense_metrics import dense_track_metrics, redetection_metrics
from tracker.evaluation.labelled import EvaluationDataset, LabelledVideo
from tracker.evaluation.metrics import METRIC_SIDE, THRESHOLDS, QueryMode, tapvid_metrics
from tracker.evaluation.predictors import Clip, PredictedTracks, passes, predict
from tracker.evaluation.queries import SampledQueries, sample_queries
from tracker.files import InputError
from tracker.inference.session import Tracker

Progress = Callable[[str, int, int], object]  # video, frames done, frames to do

COLUMNS = {
    "AJ": "average_jaccard",
    "δavg": "average_pts_within_thresh",
    "OA": "occlusion_accuracy",
    **{f"δ{k}": f"pts_within_{k}" for k in THRESHOLDS},
    "lost": "lost",
}
DENSE_COLUMNS = {"vis": "accuracy_vis", "occ": "accuracy_occ", "all": "accuracy", "alive": "survival", "AJ_RD": "AJ_RD"}


@dataclass(frozen=True)
class VideoScore:
    """One tracker on one video; `metrics` are fractions of 1, NaN where nothing counts."""

    model: str
    video: str
    frames: int
    queries: int
    seconds: float
    metrics: dict[str, float]


@dataclass(frozen=True)
class EvaluationReport:
    """Scores of one tracker or more on a data set."""

    dataset: str
    query_mode: str
    single_point: bool = False
    rows: list[VideoScore] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def means(self) -> dict[str, dict[str, float]]:
        """Each model's mean over the videos; a video in which a number is NaN is left out of that number's mean."""
        models = dict.fromkeys(row.model for row in self.rows)
        return {model: _mean([row.metrics for row in self.rows if row.model == model]) for model in models}

    def joined(self, other: "EvaluationReport") -> "EvaluationReport":
        """The rows of both."""
        skipped = list(dict.fromkeys([*self.skipped, *other.skipped]))
        return EvaluationReport(self.dataset, self.query_mode, self.single_point, self.rows + other.rows, skipped)

    def to_json(self) -> str:
        """Everything, one object; NaN is null."""
        rows = [{**vars(row), "metrics": _plain(row.metrics)} for row in self.rows]
        means = {model: _plain(metrics) for model, metrics in self.means().items()}
        return json.dumps({**vars(self), "rows": rows, "means": means}, ensure_ascii=False)

    def format_table(self) -> str:
        """In percent: one line for each video and model, then the means."""
        dense = all(name in row.metrics for row in self.rows for name in DENSE_COLUMNS.values())
        columns = COLUMNS | (DENSE_COLUMNS if dense else {})
        lines = [("model", "video", "queries", *columns)]
        lines += [(row.model, row.video, str(row.queries), *_cells(row.metrics, columns)) for row in self.rows]
        for model, metrics in self.means().items():
            videos = sum(row.model == model for row in self.rows)
            lines.append((model, f"mean of {videos}", "", *_cells(metrics, columns)))
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        return "\n".join(
            "  ".join(cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(pairs))
            for pairs in (list(zip(line, widths, strict=True)) for line in lines)
        )


def evaluate_tracker(
    tracker: Tracker,
    dataset: EvaluationDataset,
    query_mode: QueryMode = "first",
    *,
    label: str | None = None,
    single_point: bool = False,
    frames: int | None = None,
    videos: Collection[str] = (),
    progress: Progress = lambda video, done, of: None,
) -> EvaluationReport:
    """Score a tracker on every video, one after the other.

    A streaming tracker holds no more frames than its window; memory grows with points times frames of one video.

    Args:
        query_mode: "first" asks for each track from its first visible frame on; "strided" every 5 frames where it is
            visible, for the frames before as well.
        label: what the rows call the tracker; its name where None.
        single_point: ask a network for each point alone, amid support points.
        frames: only the first so many of each video.
        videos: only those of these names.

    Raises:
        InputError: no video could be scored, or one of `videos` does not exist. A video that cannot be read is left
            out and named in the report.
    """
    report = EvaluationReport(dataset.name, query_mode, single_point)
    missing = set(videos)
    for video in dataset.videos(frozenset(videos)):
        missing.discard(video.name)
        cut = video if frames is None else video.first_frames(frames)
        try:
            score = _score_video(label or tracker.name, tracker, cut, query_mode, single_point, progress)
        except InputError as error:
            report.skipped.append(str(error))
            continue
        if score is None:
            report.skipped.append(f"{video.name}: no point is visible in the frames to score")
        else:
            report.rows.append(score)
    report.skipped[:0] = dataset.skipped
    report.skipped.extend(f"{dataset.name}: there is no video {name} that can be read" for name in sorted(missing))
    if not report.rows:
        reason = f", the first because {report.skipped[0]}" if report.skipped else ""
        raise InputError(f"{dataset.name}: no video to score{reason}")
    return report


def _score_video(
    label: str, tracker: Tracker, video: LabelledVideo, query_mode: QueryMode, single_point: bool, progress: Progress
) -> VideoScore | None:
    sampled = _queries(video, query_mode)
    count, length = sampled.occluded.shape
    if count == 0:
        return None
    backward = query_mode == "strided"
    done, total = 0, length * passes(tracker, count, backward, single_point)

    def advance(frames: int) -> None:
        nonlocal done
        done += frames
        progress(video.name, done, total)

    began = time.perf_counter()
    queries = sampled.query_points[:, [0, 2, 1]].astype(np.float32)
    with video.open() as source:
        clip = Clip(source, length)
        found = predict(tracker, clip, queries, backward=backward, single_point=single_point, on_frames=advance)
    seconds = time.perf_counter() - began
    metrics = _metrics(video, sampled, found, tracker.visible_above, query_mode)
    return VideoScore(label, video.name, length, count, seconds, metrics)


def _queries(video: LabelledVideo, mode: QueryMode) -> SampledQueries:
    if not video.dense or mode == "strided":
        return sample_queries(~video.visible, video.tracks, mode)
    everywhere = np.arange(len(video.tracks))
    places = video.tracks[:, 0, ::-1].astype(np.float64)
    return SampledQueries(np.column_stack([0 * everywhere, places]), video.tracks, ~video.visible, everywhere)


def _metrics(
    video: LabelledVideo, sampled: SampledQueries, found: PredictedTracks, visible_above: float, mode: QueryMode
) -> dict[str, float]:
    scores = tapvid_metrics(
        sampled.query_points[None],
        sampled.occluded[None],
        to_metric_pixels(sampled.target_points, video.size_wh)[None],
        ~(found.certainty >= visible_above)[None],
        to_metric_pixels(found.tracks, video.size_wh)[None],
        mode,
        labelled=video.labelled[sampled.trackgroup][None],
    )
    metrics = {name: float(value[0]) for name, value in scores.items()}
    metrics["lost"] = 1 - metrics[f"pts_within_{THRESHOLDS[-1]}"]
    return metrics | (_dense_metrics(video, sampled, found, visible_above) if video.dense else {})


def _dense_metrics(
    video: LabelledVideo, sampled: SampledQueries, found: PredictedTracks, visible_above: float
) -> dict[str, float]:
    truth, guess, visible, called = (
        part.swapaxes(0, 1)[None]
        for part in (sampled.target_points, found.tracks, ~sampled.occluded, found.certainty >= visible_above)
    )
    percent = dense_track_metrics(truth, guess, visible, video.size_wh[::-1])
    fractions = redetection_metrics(truth, guess, visible, called)
    return {name: value / 100 for name, value in percent.items()} | fractions


def to_metric_pixels(tracks: NDArray[np.float32], size_wh: tuple[int, int]) -> NDArray[np.float64]:
    """Our pixels (..., 2), counted from a pixel's centre, to the benchmark's, counted from the frame's corner."""
    return (tracks.astype(np.float64) + 0.5) * (METRIC_SIDE / np.array(size_wh, np.float64))


def _mean(metrics: list[dict[str, float]]) -> dict[str, float]:
    return {name: _mean_known(row[name] for row in metrics) for name in metrics[0]}


def _mean_known(values: Iterable[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return sum(known) / len(known) if known else float("nan")


def _plain(metrics: dict[str, float]) -> dict[str, float | None]:
    return {name: value if np.isfinite(value) else None for name, value in metrics.items()}


def _cells(metrics: dict[str, float], columns: dict[str, str]) -> list[str]:
    return [f"{100 * metrics[name]:.1f}" if np.isfinite(metrics[name]) else "-" for name in columns.values()]
