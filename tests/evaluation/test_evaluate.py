"""Scoring trackers on clips whose motion is known."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.commandline import STEP
from tests.evaluation.made import dynamic_replica, jpeg_record, npz_folder, tapvid_record, write_pickle
from tests.small_models import small_model
from tracker.evaluation import DoesNotMove, evaluate_tracker, open_dataset
from tracker.evaluation.evaluate import COLUMNS, DENSE_COLUMNS, to_metric_pixels
from tracker.files import InputError
from tracker.inference.cotracker import CoTrackerTracker
from tracker.inference.lucas_kanade import LucasKanade

# What does not move falls behind by this many of the 256 pixels each frame of the drifting clip of 160x120.
SPEED = np.hypot(STEP[0] * 256 / 160, STEP[1] * 256 / 120)


def test_what_does_not_move_scores_as_far_as_the_clip_drifts(tmp_path):
    report = evaluate_tracker(DoesNotMove(), open_dataset(f"npz:{npz_folder(tmp_path)}"))
    (row,) = report.rows
    away = SPEED * np.arange(1, 20)
    for k in (1, 2, 4, 8, 16):
        assert row.metrics[f"pts_within_{k}"] == pytest.approx((away < k).mean())
    assert row.metrics["lost"] == pytest.approx((away >= 16).mean())
    assert row.metrics["occlusion_accuracy"] == 1
    assert (row.queries, row.frames, row.video) == (3, 20, "drift")


def test_lucas_kanade_follows_the_drift(tmp_path):
    report = evaluate_tracker(LucasKanade(), open_dataset(f"npz:{npz_folder(tmp_path)}"), "strided")
    (row,) = report.rows
    assert row.queries == 12  # three tracks on frames 0, 5, 10 and 15
    assert row.metrics["pts_within_1"] == 1
    assert row.metrics["average_jaccard"] > 0.95


def test_lucas_kanade_follows_a_pickle_at_256(tmp_path):
    path = write_pickle(tmp_path / "davis.pkl", {"drift": tapvid_record()})
    report = evaluate_tracker(LucasKanade(), open_dataset(f"tapvid:{path}"))
    assert report.rows[0].metrics["pts_within_1"] == 1


def test_unlabelled_frames_do_not_count_and_hidden_ones_count_for_occlusion(tmp_path):
    visible, evaluate = np.ones((3, 20), bool), np.ones((3, 20), bool)
    visible[:, 2:], evaluate[:, 4:] = False, False
    folder = npz_folder(tmp_path, visible=visible, evaluate=evaluate)
    (row,) = evaluate_tracker(DoesNotMove(), open_dataset(f"npz:{folder}")).rows
    assert row.metrics["occlusion_accuracy"] == pytest.approx(1 / 3)  # frame 1 of frames 1, 2, 3
    assert row.metrics["pts_within_4"] == 1


def test_only_the_first_frames(tmp_path):
    (row,) = evaluate_tracker(DoesNotMove(), open_dataset(f"npz:{npz_folder(tmp_path)}"), frames=3).rows
    assert row.frames == 3
    assert row.metrics["pts_within_4"] == 0.5
    assert row.metrics["lost"] == 0


def test_dynamic_replica_is_scored_on_hidden_points_too(tmp_path):
    report = evaluate_tracker(DoesNotMove(), open_dataset(f"dynamic-replica:{dynamic_replica(tmp_path)}"))
    (row,) = report.rows
    assert row.queries == 2
    away = np.hypot(STEP[0] * 255 / 159, STEP[1] * 255 / 119) * np.arange(14)
    hidden = np.arange(14) % 4 == 3  # of the second track; both are seen on frame 0
    assert row.metrics["accuracy_occ_16"] == pytest.approx((away[hidden] < 16).mean(), abs=1e-5)
    assert row.metrics["survival"] == 1
    assert {"vis", "occ", "alive", "AJ_RD"} <= set(report.format_table().splitlines()[0].split())


def test_networks_are_scored_and_progress_is_told(tmp_path):
    tracker = CoTrackerTracker(small_model("online"), None, allow_untrained=True)
    told: list[tuple[str, int, int]] = []
    report = evaluate_tracker(
        tracker,
        open_dataset(f"npz:{npz_folder(tmp_path)}"),
        single_point=True,
        frames=10,
        progress=lambda *what: told.append(what),
    )
    assert report.rows[0].model == "cotracker3-online (untrained)"
    assert told[-1] == ("drift", 30, 30)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_the_mean_is_over_videos_and_leaves_out_what_nothing_counts_for(tmp_path):
    root = npz_folder(tmp_path)
    content = dict(np.load(root / "tracks" / "drift.npz"))
    np.savez(root / "tracks" / "early.npz", **{**content, "visible": np.arange(20) < [[2]] * 3})
    np.savez(root / "tracks" / "last.npz", **{**content, "visible": np.arange(20) == [[19]] * 3})
    np.savez(root / "tracks" / "never.npz", **{**content, "visible": np.zeros((3, 20), bool)})
    report = evaluate_tracker(DoesNotMove(), open_dataset(f"npz:{root}"), label="still")
    assert [row.video for row in report.rows] == ["drift", "early", "last"]
    assert "never" in report.skipped[0]
    drift, early, last = (row.metrics["pts_within_16"] for row in report.rows)
    assert np.isnan(last)
    assert report.means()["still"]["pts_within_16"] == pytest.approx((drift + early) / 2)
    table = report.format_table().splitlines()
    assert table[3].split()[3:5] == ["-", "-"]
    assert table[4].startswith("still  mean of 3")


def test_reports_of_trackers_are_joined_and_written_as_json(tmp_path):
    dataset = open_dataset(f"npz:{npz_folder(tmp_path)}")
    both = evaluate_tracker(DoesNotMove(), dataset).joined(evaluate_tracker(LucasKanade(), dataset))
    told = json.loads(both.to_json())
    assert [row["model"] for row in told["rows"]] == ["does-not-move", "lucas-kanade"]
    assert told["means"]["lucas-kanade"]["pts_within_1"] == 1
    assert told["query_mode"] == "first"
    assert "NaN" not in both.to_json()


def test_nothing_to_score_is_refused_with_the_reason(tmp_path):
    root = npz_folder(tmp_path, video="videos/gone.mp4")
    with pytest.raises(InputError, match=r"no video to score, the first because .*gone\.mp4 is missing"):
        evaluate_tracker(DoesNotMove(), open_dataset(f"npz:{root}"))
    path = write_pickle(tmp_path / "davis.pkl", {"drift": tapvid_record()})
    with pytest.raises(InputError, match=r"no video to score, the first because .* there is no video other"):
        evaluate_tracker(DoesNotMove(), open_dataset(f"tapvid:{path}"), videos=["other"])


def test_a_video_that_breaks_off_is_left_out_and_named(tmp_path):
    broken = jpeg_record()
    broken["video"][5] = b"nothing"
    path = write_pickle(tmp_path / "0000_of_0010.pkl", [broken, jpeg_record()])
    report = evaluate_tracker(DoesNotMove(), open_dataset(f"tapvid:{path}"))
    assert [row.video for row in report.rows] == ["0000_of_0010:1"]
    assert "0000_of_0010:0 is damaged, its picture 5" in report.skipped[0]


def test_pixel_centres_become_distances_from_the_corner():
    corners = np.array([[-0.5, -0.5], [159.5, 119.5]], np.float32)
    np.testing.assert_allclose(to_metric_pixels(corners, (160, 120)), [[0, 0], [256, 256]])


def test_the_page_explains_every_column():
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    for column, name in (COLUMNS | DENSE_COLUMNS).items():
        if not name.startswith("pts_within"):
            assert f"`{name}`" in page
            assert f"{column}" in page
