"""One process of a training: python -m tests.training.one_of_several FOLDER STEPS…, started as by torchrun."""

import sys
from pathlib import Path
from typing import Any

import torch

from tests.training.made import moving_clips, tiny_config
from tracker.training.config import TrainingConfig
from tracker.training.distributed import joined_group
from tracker.training.loop import Limits, Trainer
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


def main(folder: Path, *stops: int) -> None:
    """Train to each of the steps, every time from the state that the time before has left."""
    torch.set_num_threads(1)
    with joined_group("cpu") as group:
        config = shared_config(group.size)
        for last in stops:
            start = read_start(folder, config.model) if last != stops[0] else None
            share = Share(group.rank, group.size)
            Trainer(config, share, Output(folder), start=start, limits=Limits(last), group=group).run()
            group.gather("wait for the files")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
