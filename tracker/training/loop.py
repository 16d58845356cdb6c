"""The training loop: CoTracker3's first stage, on one process or several."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tracker.files import InputError
from tracker.models.cotracker3 import CoTracker3, CoTracker3Config
from tracker.models.matching import choice_loss, matching_loss
from tracker.models.output import Choice, TrackOutput
from tracker.training.activations import attention_for, recompute_activations
from tracker.training.config import TrainingConfig
from tracker.training.distributed import Group
from tracker.training.ema import AverageWeights
from tracker.training.journal import Journal
from tracker.training.losses import Losses, stage_one_loss
from tracker.training.progress import Progress, Reason, Summary, Sums
from tracker.training.queries import sample_queries, without_faults
from tracker.training.samples import Clips, ClipSource, chance_of
from tracker.training.schedule import Cycle, OneCycle
from tracker.training.state import Output, Start, model_as_json

DISTURBED = 0.25  # share of points whose first guess goes astray
BAD_STEPS_ALLOWED = 3  # one after the other, under bfloat16; float32 has no excuse


class Diverged(InputError):
    """The loss or its gradient is no number any more."""


@dataclass(frozen=True)
class Limits:
    """Where a run ends, besides at the end of its cycle.

    Attributes:
        step: the last step, counted from the very beginning.
        seconds: of this run. The learning rate reaches its end with them.
    """

    step: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Hooks:
    """What others do while it trains.

    Attributes:
        report: told how it goes, every `log_every` steps.
        validate: given the network as it would be used, gives figures by name.
        should_stop: asked after every step.
    """

    report: Callable[[Progress], None] = lambda progress: None
    validate: Callable[[CoTracker3], Mapping[str, float]] | None = None
    should_stop: Callable[[], bool] = lambda: False


def predict(
    model: nn.Module, clips: Clips, queries: Tensor, iterations: int, disturbance: Tensor | None = None
) -> TrackOutput:
    """All refinement iterations of all windows, the network running as it will run."""
    with attention_for(clips.video.device):
        output: TrackOutput = model(clips.video, queries, iterations, all_iterations=True, disturbance=disturbance)
    return output


def _matching_losses(output: TrackOutput, clips: Clips, queries: Tensor, stride: int) -> tuple[Tensor, Tensor] | None:
    """Of the whole-frame search and of the choice, for a network that matches: of each clip, then the mean."""
    if not output.search_logits or output.choices is None or output.windows is None:
        return None
    coords = clips.tracks.transpose(1, 2) / stride
    seen = (clips.visible & clips.valid).transpose(1, 2)
    asked = seen & (torch.arange(seen.shape[2], device=seen.device) > queries[..., :1])
    if clips.weight is not None:
        weight = clips.weight.transpose(1, 2)
        seen, asked = seen * weight, asked * weight
    starts = [window.start for window in output.windows]
    searched, chosen = [], []
    for number in range(clips.batch_size):
        one = slice(number, number + 1)
        logits = [level[one] for level in output.search_logits]
        choices = [Choice(*(part[one] for part in choice)) for choice in output.choices]
        searched.append(matching_loss(logits, coords[one], seen[one]))
        chosen.append(choice_loss(choices, starts, coords[one], asked[one]))
    return torch.stack(searched).mean(), torch.stack(chosen).mean()


def disturbances(clips: Clips, amount: float, generator: torch.Generator) -> Tensor:
    """(B, N, T, 2) pixels by which first guesses are off: for a part of the points a random walk over the clip.

    The walks' sizes vary by factors of about three around `amount` at the clip's end. A network that is trained on
    short clips alone would never see the drift that long ones bring.
    """
    batch, length, count = clips.visible.shape
    walk = torch.randn(batch, count, length, 2, generator=generator).cumsum(2) / length**0.5
    size = amount * torch.randn(batch, count, 1, 1, generator=generator).exp()
    chosen = torch.rand(batch, count, 1, 1, generator=generator) < DISTURBED
    return (walk * size * chosen).to(clips.video.device)


def new_network(config: CoTracker3Config, seed: int) -> CoTracker3:
    """Untrained, the same for the same seed on every machine."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CoTracker3(config)


def freeze(network: nn.Module, parts: Sequence[str]) -> None:
    """Let what has names that begin with one of `parts` out of the training.

    Raises:
        InputError: the network has no such part.
    """
    for part in parts:
        found = [weights for name, weights in network.named_parameters() if f"{name}.".startswith(f"{part}.")]
        if not found:
            raise InputError(f"frozen = {part!r}: the network has no such part")
        for weights in found:
            weights.requires_grad_(False)


class Trainer:
    """One run of training.

    Args:
        config: of the network, the optimiser and the run.
        source: where clips come from; each process has its own.
        output: where the results go; None for nowhere.
        facts: written into the weights file.
        start: what to go on from; a new network where None.
        limits: where the run ends.
        group: the processes that train together.
        hooks: what others do while it trains.
    """

    def __init__(
        self,
        config: TrainingConfig,
        source: ClipSource,
        output: Output | None = None,
        *,
        facts: Mapping[str, str] | None = None,
        start: Start | None = None,
        limits: Limits | None = None,
        group: Group | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        self.config, self.source, self.output = config, source, output
        self.group, self.hooks, self.limits = group or Group(), hooks or Hooks(), limits or Limits()
        self.facts = dict(facts or {})
        self.device = self.group.device
        self.network = new_network(config.model, config.train.seed).to(self.device)
        if start is not None:
            self.network.load_state_dict(start.weights, strict=False)
        if config.train.gradient_checkpointing:
            recompute_activations(self.network)
        freeze(self.network, config.train.frozen)
        self.model = self.group.wrap(self.network)
        options = config.optimiser
        self.optimiser = torch.optim.AdamW(
            [weights for weights in self.network.parameters() if weights.requires_grad],
            lr=options.learning_rate,
            weight_decay=options.weight_decay,
            eps=options.epsilon,
        )
        self.rates = OneCycle(options.learning_rate, options.steps, options.warm_up)
        self.average = AverageWeights(self.network, config.train.ema_decay) if config.train.ema_decay else None
        self.cycle = Cycle(options.steps, seconds=self.limits.seconds)
        self.step_number = self.clips = self.skipped = self.bad_in_a_row = 0
        self.seconds_before = self.validation_seconds = 0.0
        self.notes: list[str] = []  # what a person should know
        self.journal = Journal(output.folder / "tensorboard" if output and self.group.leads else None)
        if self.journal.note:
            self.notes.append(self.journal.note)
        if start is not None and start.state is not None:
            self._restore(start.state)
        self.sums = Sums()
        self.totals = Sums()
        self.last_losses: dict[str, float] = {}

    def run(self) -> Summary:
        """Train until the cycle, the time or the steps are over, or somebody stops it; save what there is.

        Raises:
            Diverged: the loss is no number any more; the last checkpoint stays.
            InputError: a checkpoint cannot be written; the one before stays.
        """
        try:
            return self._run()
        finally:
            self.journal.close()

    def _run(self) -> Summary:
        began = saved = time.monotonic()
        longest = 0.0
        while True:
            now = time.monotonic()
            share = self.cycle.share(self.step_number, now - began)
            over = self.limits.seconds is not None and now - began + longest > self.limits.seconds
            due = now - saved > 60 * self.config.train.checkpoint_every_minutes
            # What the clock says is for the first process to say.
            clock = (share, over, due) if self.group.leads else (0.0, False, False)
            share, over_, due_, stopped = self.group.largest([*clock, self.hooks.should_stop()])
            reason = self._ending(share, bool(over_), bool(stopped))
            if reason is not None:
                self._report(share, began)
                self._save(1.0 if reason == "time" else share, now - began)
                return self._summary(reason, now - began)
            if due_:
                self._save(share, now - began)
                saved = now
            self._step(share)
            longest = max(0.9 * longest, time.monotonic() - now)
            if self.step_number % self.config.train.log_every == 0:
                self._report(share, began)
            every = self.config.train.validate_every
            if every and self.step_number % every == 0:
                self._validate(time.monotonic() - began)

    def _ending(self, share: float, time_is_over: bool, stopped: bool) -> Reason | None:
        if time_is_over:
            return "time"
        if share >= 1:
            return "finished"
        if self.limits.step is not None and self.step_number >= self.limits.step:
            return "steps"
        return "stopped" if stopped else None

    def _step(self, share: float) -> None:
        """One step of the optimiser.

        Raises:
            Diverged: the loss or the gradient is no number (several times in a row, under bfloat16).
        """
        rate = self.rates.rate(share)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        began = time.perf_counter()
        self.optimiser.zero_grad(set_to_none=True)
        parts, data_seconds = self._gradients()
        norm = float(nn.utils.clip_grad_norm_(self.network.parameters(), self.config.optimiser.clip))
        values: list[float] = parts.tolist()
        bad = not all(map(math.isfinite, (norm, *values)))
        [bad_anywhere] = self.group.largest([bad])
        if bad_anywhere:
            self._skip("loss" if not math.isfinite(values[0]) else "gradient")
        else:
            self.bad_in_a_row = 0
            self.optimiser.step()
            if self.average is not None:
                self.average.update(self.network)
        self.step_number += 1
        if not bad_anywhere:
            for sums in (self.sums, self.totals):
                sums.add(values, norm, data_seconds, time.perf_counter() - began)

    def _gradients(self) -> tuple[torch.Tensor, float]:
        """Add up gradients over the batches of a step; the mean losses, and the seconds spent on getting clips."""
        options = self.config.optimiser
        parts, data_seconds = [], 0.0
        for batch in range(options.accumulate):
            began = time.perf_counter()
            clips = self.source.sample(options.batch).to(self.device)
            first = self.clips + self.group.rank * options.batch  # the processes have these clips one after the other
            self.clips += clips.batch_size * self.group.size
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            data_seconds += time.perf_counter() - began
            last = batch == options.accumulate - 1
            with nullcontext() if last else self.group.without_sync(self.model):
                losses = self._losses(clips, first)
                (losses.total / options.accumulate).backward()
            parts.append(torch.stack(losses).detach())
        return self.group.mean(torch.stack(parts).mean(0)), data_seconds

    def _losses(self, clips: Clips, first: int) -> Losses:
        """Of clips from number `first` on. The number decides all that is left to chance, whoever has the clip."""
        kind = self.config.model.kind
        chances = [chance_of(self.config.train.seed, first + number) for number in range(clips.batch_size)]
        pairs = list(zip(clips.split(), chances, strict=True))
        queries = torch.cat([sample_queries(one, kind, chance) for one, chance in pairs])
        clips, queries = without_faults(clips, queries)
        reduced = self.config.train.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=reduced):
            amount = self.config.train.disturbance
            astray = torch.cat([disturbances(one, amount, chance) for one, chance in pairs]) if amount else None
            output = predict(self.model, clips, queries, self.config.train.iterations, astray)
        assert output.windows is not None
        matching = _matching_losses(output, clips, queries, self.config.model.stride)
        return stage_one_loss(output.windows, clips, queries, kind, self.config.loss, matching)

    def _skip(self, what: str) -> None:
        self.skipped += 1
        self.bad_in_a_row += 1
        allowed = BAD_STEPS_ALLOWED if self.config.train.precision == "bfloat16" else 0
        if self.bad_in_a_row > allowed:
            where = self.output.folder if self.output else "training"
            raise Diverged(
                f"{where}: the {what} is no number at step {self.step_number + 1}; the last checkpoint is kept as it "
                "was, go on from it with a lower learning rate or in float32"
            )

    def _report(self, share: float, began: float) -> None:
        if not self.sums.steps:
            return
        losses = dict(zip(Losses._fields, self.sums.losses(), strict=True))
        progress = Progress(
            self.step_number,
            share,
            time.monotonic() - began,
            self.clips,
            self.optimiser.param_groups[0]["lr"],
            losses,
            self.sums.gradient / self.sums.steps,
            self.sums.data_share(),
        )
        self.last_losses = losses
        curves = {f"loss/{name}": value for name, value in losses.items()}
        seconds = self.sums.seconds / self.sums.steps
        others = {"rate": progress.rate, "gradient": progress.gradient, "data_share": progress.data_share}
        self.journal.write(self.step_number, {**curves, **others, "seconds_per_step": seconds, "skipped": self.skipped})
        self.sums = Sums()
        if self.group.leads:
            self.hooks.report(progress)

    def _validate(self, elapsed: float) -> None:
        """Validate, unless the time would be over before it is done."""
        late = self.limits.seconds is not None and elapsed + self.validation_seconds > self.limits.seconds
        if self.group.leads and self.hooks.validate is not None and not late:
            began = time.monotonic()
            figures = self.hooks.validate(self.usable_network())
            self.validation_seconds = time.monotonic() - began
            self.journal.write(self.step_number, {f"validation/{name}": value for name, value in figures.items()})

    def usable_network(self) -> CoTracker3:
        """A copy of the network as it would be used: with averaged weights where they are kept."""
        copy = CoTracker3(self.config.model).to(self.device)
        copy.load_state_dict(self.network.state_dict())
        if self.average is not None:
            copy.load_state_dict(self.average.state(), strict=False)
        return copy.eval()

    def _summary(self, reason: Reason, elapsed: float) -> Summary:
        seconds = self.seconds_before + elapsed
        share = self.totals.data_share()
        return Summary(reason, self.step_number, self.clips, seconds, self.last_losses, self.skipped, share)

    def _save(self, share: float, elapsed: float) -> None:
        if self.output is None:
            return
        state = self._state(share, elapsed) if self.output.with_state else None
        if self.group.leads:
            counts = {"steps": self.step_number, "clips": self.clips, "seconds": round(self.seconds_before + elapsed)}
            facts = {**self.facts, **{name: str(count) for name, count in counts.items()}}
            self.output.save(self.usable_network(), facts, state)

    def _state(self, share: float, elapsed: float) -> dict[str, Any]:
        average = self.average
        return {
            "model": model_as_json(self.config.model),
            "weights": {name: weights.detach() for name, weights in self.network.named_parameters()},
            "average": average.state() if average else None,
            "average_updates": average.updates if average else 0,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step_number,
            "first_step": self.cycle.first_step,
            "share": share,
            "clips": self.clips,
            "skipped": self.skipped,
            "seconds": self.seconds_before + elapsed,
            "data": self.group.gather(self.source.state()),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.optimiser.load_state_dict(state["optimiser"])
        self.step_number, self.clips, self.skipped = state["step"], state["clips"], state["skipped"]
        self.seconds_before = state["seconds"]
        if self.average is not None and state["average"] is not None:
            self.average.restore(state["average"], state["average_updates"])
        try:
            self.source.restore(state["data"][self.group.rank])
        except (LookupError, RuntimeError, TypeError, ValueError, AttributeError):
            self.notes.append("the state is of other clips, another kind of device or fewer processes: new clips")
        self.cycle.go_on(self.step_number, state["first_step"], state["share"])
