"""One process of a training and of a fine-tuning: python -m tests.training.one_of_several FOLDER, as by torchrun."""

import json
import sys
from pathlib import Path
from typing import Any

import torch

from tests.training.made import moving_clips, tiny_config
from tracker.training.config import TrainingConfig
from tracker.training.distributed import Group, joined_group
from tracker.training.finetune import FinetuneSettings, finetune
from tracker.training.loop import Hooks, Limits, Trainer
from tracker.training.progress import Progress
from tracker.training.samples import Clips
from tracker.training.state import Output, read_start

WHOLE_BATCH = 4


class Share:
    """This process's part of every batch, so that together all see what one alone would."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        self.generator = torch.Generator().manual_seed(8)

    def sample(self, batch: int) -> Clips:
        whole = moving_clips(batch * self.size, self.generator)
        mine = slice(self.rank * batch, (self.rank + 1) * batch)
        return Clips(*(part[mine] for part in whole[:4]))

    def state(self) -> dict[str, Any]:
        return {"rank": self.rank, "generator": self.generator.get_state()}

    def restore(self, state: dict[str, Any]) -> None:
        assert state["rank"] == self.rank
        self.generator.set_state(state["generator"])


def shared_config(processes: int) -> TrainingConfig:
    # Some gradients are but rounding (of biases before a norm); a large epsilon keeps Adam from blowing them up.
    options: dict[str, Any] = {"epsilon": 1e-2, "learning_rate": 3e-3, "ema_decay": 0.5, "accumulate": 2, "steps": 4}
    return tiny_config(batch=WHOLE_BATCH // processes, **options)


def train(folder: Path, *stops: int, group: Group) -> None:
    """Train to each of the steps, every time from the state that the time before has left."""
    config = shared_config(group.size)
    for last in stops:
        start = read_start(folder, config.model) if last != stops[0] else None
        share = Share(group.rank, group.size)
        Trainer(config, share, Output(folder), start=start, limits=Limits(last), group=group).run()
        group.gather("wait for the files")


def fine_tune(folder: Path, output: Path, group: Group) -> list[dict[str, float]]:
    """The curve of a run of four clips a step on the labels in a folder, as the process that leads tells it."""
    told: list[dict[str, float]] = []

    def report(progress: Progress) -> None:
        told.append(progress.losses)

    settings = FinetuneSettings(steps=4, batch=WHOLE_BATCH, synthetic_share=0.4, config=folder / "small.toml")
    base = folder / "base.safetensors"
    finetune(settings, [folder / "labels"], base, output, hooks=Hooks(report=report), group=group)
    return told


def main(folder: Path) -> None:
    """Both; the results go into the folder."""
    torch.set_num_threads(1)
    with joined_group("cpu") as group:
        train(folder / "trained", 2, 4, group=group)  # after two steps each goes on with clips of its own
        curve = fine_tune(folder, folder / "tuned", group)
        if group.leads:
            (folder / "curve.json").write_text(json.dumps(curve))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
