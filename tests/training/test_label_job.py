"""A job labels every video once, whatever is wrong with some and whenever it is ended."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.training.moving_clips import pan, write_clip
from tracker.files import InputError
from tracker.labels.label_set import LabelSet
from tracker.training.label_job import JobProgress, LabelTask, TaskResult, do_task, run_job
from tracker.training.label_workers import LocalExecutor, local_devices
from tracker.training.pseudo_labels import LabelSettings
from tracker.training.teachers import load_teachers

SETTINGS = LabelSettings(("lucas-kanade",), points=8, frames=2, min_frames=8, max_frames=40, seed=3)


class InTurn:
    """Does the tasks here, one after the other; remembers them."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def run(self, tasks, settings, folder):
        teachers = load_teachers(settings.teachers)
        for task in tasks:
            self.seen.append(task.name)
            yield do_task(task, settings, folder, teachers)


def die(task: LabelTask, settings: LabelSettings, folder: Path, teachers: object) -> TaskResult:
    """A task that takes its process along, once for "once" and always for "always"."""
    mark = folder / "labels" / f"{Path(task.path).stem}.mark"
    if Path(task.path).stem == "always" or (Path(task.path).stem == "once" and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return do_task(task, settings, folder, load_teachers(settings.teachers))


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    return [write_clip(folder / f"clip{k}.mkv", pan(k, 16)) for k in range(3)]


def content(folder: Path) -> dict[str, bytes]:
    """All that lies in a set, also what does not belong there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def undisturbed(clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels") / "set"
    run_job(clips, SETTINGS, folder, InTurn())
    return content(folder)


def test_a_set_is_made_and_gone_on_with(clips, tmp_path, undisturbed):
    folder = tmp_path / "set"
    told: list[JobProgress] = []
    first = run_job(clips[:2], SETTINGS, folder, InTurn(), told.append)
    assert (first.labelled, first.already, first.skipped, first.frames) == (2, 0, {}, 32)
    assert first.point_frames == 2 * 8 * 16
    assert [(one.stage, one.done, one.total) for one in told] == [
        ("looking", 1, 2),
        ("looking", 2, 2),
        ("labelling", 1, 2),
        ("labelling", 2, 2),
    ]
    assert told[2].left is not None
    assert told[3].left == 0
    executor = InTurn()
    second = run_job(clips, SETTINGS, folder, executor)
    assert (second.labelled, second.already) == (1, 2)
    assert len(executor.seen) == 1
    assert content(folder) == undisturbed
    label_set = LabelSet.open(folder)
    assert [name[:6] for name in label_set.names()] == ["clip0-", "clip1-", "clip2-"]
    assert label_set.description()["teachers"][0]["name"] == "lucas-kanade"


def test_what_cannot_be_labelled_is_listed_and_the_rest_goes_on(clips, tmp_path):
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(b"no video")
    copy = Path(shutil.copy(clips[0], tmp_path / "copy.mkv"))
    short = write_clip(tmp_path / "short.mkv", pan(7, 5))
    videos = [broken, clips[0], copy, short, tmp_path / "absent.mkv", clips[0], clips[1]]
    summary = run_job(videos, SETTINGS, tmp_path / "set", InTurn())
    assert summary.labelled == 2
    assert set(summary.skipped) == {str(path) for path in (broken, copy, short, tmp_path / "absent.mkv")}
    assert summary.skipped[str(copy)] == f"the same video as {clips[0]}"
    assert summary.skipped[str(short)] == "no shot has 8 frames, the video has 5"
    assert "does not exist" in summary.skipped[str(tmp_path / "absent.mkv")]
    assert LabelSet.open(tmp_path / "set").skipped() == summary.skipped
    again = run_job(videos, SETTINGS, tmp_path / "set", InTurn())
    assert (again.labelled, again.already, again.skipped) == (0, 2, summary.skipped)


def test_a_video_that_changed_keeps_its_labels_and_is_listed(clips, tmp_path):
    video = Path(shutil.copy(clips[0], tmp_path / "v.mkv"))
    run_job([video], SETTINGS, tmp_path / "set", InTurn())
    before = content(tmp_path / "set")
    shutil.copy(clips[1], video)
    summary = run_job([video], SETTINGS, tmp_path / "set", InTurn())
    assert summary.skipped[str(video)].startswith("its content changed since it was labelled as v-")
    after = content(tmp_path / "set")
    assert {name: after[name] for name in before if name != "skipped.json"} == {
        name: data for name, data in before.items() if name != "skipped.json"
    }


def test_a_video_that_moved_is_known_again_and_equal_names_are_kept_apart(clips, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    videos = [Path(shutil.copy(clips[k], tmp_path / part / "v.mkv")) for k, part in enumerate("ab")]
    assert run_job(videos, SETTINGS, tmp_path / "set", InTurn()).labelled == 2
    moved = videos[0].rename(tmp_path / "moved.mkv")
    summary = run_job([moved, videos[1]], SETTINGS, tmp_path / "set", InTurn())
    assert (summary.labelled, summary.already, summary.skipped) == (0, 2, {})


def test_damaged_labels_are_made_again(clips, tmp_path, undisturbed):
    folder = tmp_path / "set"
    run_job(clips, SETTINGS, folder, InTurn())
    path = next((folder / "labels").glob("clip1*"))
    path.write_bytes(path.read_bytes()[:100])
    left = folder / "labels" / ".clip1-00000000.npz.0123abcd"
    left.mkdir()
    (left / "clip1-00000000.npz").write_bytes(b"half")
    assert run_job(clips, SETTINGS, folder, InTurn()).labelled == 1
    assert content(folder) == undisturbed


def test_a_job_killed_while_it_made_the_set_can_go_on(clips, tmp_path):
    folder = tmp_path / "set"
    (folder / ".label-set.json.0123abcd").mkdir(parents=True)
    (folder / ".label-set.json.0123abcd" / "label-set.json").write_text("{")
    (folder / "labels").mkdir()
    assert run_job(clips[:1], SETTINGS, folder, InTurn()).labelled == 1
    assert sorted(path.name for path in folder.iterdir()) == ["label-set.json", "labels", "skipped.json"]


def test_bad_settings_and_places_end_the_job_before_it_begins(clips, tmp_path):
    with pytest.raises(InputError, match="nobody: there is no such tracker"):
        run_job(clips, replace(SETTINGS, teachers=("nobody",)), tmp_path / "set", InTurn())
    assert not (tmp_path / "set").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("")
    with pytest.raises(InputError, match="holds other files"):
        run_job(clips, SETTINGS, other, InTurn())
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        run_job(clips, SETTINGS, tmp_path / "file" / "set", InTurn())
    run_job(clips[:1], SETTINGS, tmp_path / "set", InTurn())
    with pytest.raises(InputError, match="another job, made with other seed"):
        run_job(clips, replace(SETTINGS, seed=4), tmp_path / "set", InTurn())


def test_a_full_disk_ends_the_job_with_a_sentence_and_it_can_go_on(clips, tmp_path, monkeypatch, undisturbed):
    writes: list[Path] = []

    def full(path, labels):
        if writes:
            raise InputError(f"{path}: the disk is full")
        writes.append(path)
        return write(path, labels)

    from tracker.training import label_job

    write = label_job.write_labels
    monkeypatch.setattr(label_job, "write_labels", full)
    with pytest.raises(InputError, match=r"clip1.*the disk is full; 1 videos were labelled, the same job goes on"):
        run_job(clips, SETTINGS, tmp_path / "set", InTurn())
    monkeypatch.undo()
    assert run_job(clips, SETTINGS, tmp_path / "set", InTurn()).labelled == 2
    assert content(tmp_path / "set") == undisturbed


def test_a_fault_of_ours_costs_one_video(clips, tmp_path, monkeypatch):
    from tracker.training import label_job

    real = label_job.label_video

    def faulty(path, settings, teachers):
        if "clip1" in str(path):
            raise ZeroDivisionError("oh")
        return real(path, settings, teachers)

    monkeypatch.setattr(label_job, "label_video", faulty)
    summary = run_job(clips, SETTINGS, tmp_path / "set", InTurn())
    assert summary.labelled == 2
    assert "fault in Trackwright" in summary.skipped[str(clips[1])]


def test_a_job_stops_when_asked_and_goes_on(clips, tmp_path, undisturbed):
    done: list[int] = []
    summary = run_job(
        clips, SETTINGS, tmp_path / "set", InTurn(), lambda told: done.append(told.frames), lambda: done[-1:] == [16]
    )
    assert summary.stopped
    assert summary.labelled == 1
    assert run_job(clips, SETTINGS, tmp_path / "set", InTurn()).labelled == 2
    assert content(tmp_path / "set") == undisturbed


def test_processes_make_the_same_labels_and_lost_ones_are_replaced(clips, tmp_path, undisturbed):
    executor = LocalExecutor(["cpu"], 2, work=die)
    assert executor.workers == 2
    names = ["once", "always"]
    videos = [Path(shutil.copy(clips[k], tmp_path / f"{name}.mkv")) for k, name in enumerate(names)]
    summary = run_job([*videos, clips[2]], SETTINGS, tmp_path / "set", executor)
    assert summary.labelled == 2
    reason = summary.skipped[str(videos[1])]
    assert reason.startswith("the process that labelled it ended 3 times before it was done (it was killed")
    made = content(tmp_path / "set")
    third = next(name for name in undisturbed if "clip2" in name)
    assert made[third] == undisturbed[third]
    assert not multiprocessing.active_children()


def test_what_ends_a_process_for_good_ends_the_job(tmp_path, clips):
    executor = LocalExecutor(["cpu"], 1)
    with pytest.raises(InputError, match="nobody"):
        list(executor.run([LabelTask("a", str(clips[0]), "")], replace(SETTINGS, teachers=("nobody",)), tmp_path))
    assert not multiprocessing.active_children()


def test_devices_of_this_machine():
    import torch

    assert local_devices("cpu") == ("cpu",)
    if not torch.cuda.is_available():
        assert local_devices() == ("cpu",)
        with pytest.raises(InputError, match="no graphics card"):
            local_devices("cuda")


KILLED = """
import sys
from pathlib import Path
from tests.training.test_label_job import SETTINGS
from tracker.training.label_job import run_job
from tracker.training.label_workers import LocalExecutor
if __name__ == "__main__":
    executor = LocalExecutor(["cpu"], 1)
    run_job(sys.argv[2:], SETTINGS, Path(sys.argv[1]), executor, lambda told: print(told.stage, flush=True))
"""


def test_a_killed_job_goes_on_and_its_set_is_that_of_an_undisturbed_one(clips, tmp_path, undisturbed):
    script = tmp_path / "job.py"
    script.write_text(KILLED)
    folder = tmp_path / "set"
    root = Path(__file__).parents[2]
    command = [sys.executable, str(script), str(folder), *map(str, clips)]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    # Killed once after the first video was labelled, and once while the second is being worked on.
    for wanted in (1, 1):
        job = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True)
        assert job.stdout is not None
        for line in job.stdout:
            wanted -= line.strip() == "labelling"
            if wanted == 0:
                break
        children = psutil.Process(job.pid).children(recursive=True)
        job.kill()
        job.wait()
        job.stdout.close()
        _, alive = psutil.wait_procs(children, timeout=20)
        assert not alive, "processes outlive a job that was killed"
    labelled = len(list((folder / "labels").glob("*.npz")))
    assert 2 <= labelled <= 3
    summary = run_job(clips, SETTINGS, folder, InTurn())
    assert summary.labelled == 3 - labelled
    assert content(folder) == undisturbed
    assert json.loads((folder / "skipped.json").read_text()) == {}
