"""The training loop: that it learns, goes on exactly, keeps to its time, and does not spoil what is good."""

from dataclasses import replace

import pytest
import torch

from tests.training.made import MovingClips, OneClip, moving_clips, same_tensors, tiny_config
from tracker.checkpoints import load_checkpoint
from tracker.training.loop import Diverged, Hooks, Limits, Trainer, new_network, predict
from tracker.training.progress import Progress
from tracker.training.queries import first_queries
from tracker.training.state import Output, read_start


def weights_of(trainer):
    return {name: weights.detach().clone() for name, weights in trainer.network.named_parameters()}


def averages_of(trainer):
    assert trainer.average is not None
    return trainer.average.weights


def stop_after(steps):
    """Answers no so many times, which is once before every step."""
    asked = 0

    def should_stop():
        nonlocal asked
        asked += 1
        return asked > steps

    return Hooks(should_stop=should_stop)


@pytest.mark.parametrize("kind", ["online", "offline"])
def test_it_learns_one_clip(kind):
    """The real loop drives the loss of a clip of small motion to nearly nothing."""
    config = tiny_config(kind, steps=350, batch=1, learning_rate=3e-3, log_every=10)
    clips = moving_clips(1, torch.Generator().manual_seed(4))
    reports: list[Progress] = []
    summary = Trainer(config, OneClip(clips), hooks=Hooks(report=reports.append)).run()
    assert (summary.reason, summary.step, summary.clips) == ("finished", 350, 350)
    first, last = reports[0].losses, reports[-1].losses
    assert first["track"] > 0.1
    assert last["track"] < 0.05 * first["track"]
    assert last["visibility"] < 0.2 * first["visibility"]
    assert last["confidence"] < 0.2 * first["confidence"]


@pytest.mark.parametrize("kind", ["online", "offline"])
def test_going_on_is_exact(tmp_path, kind):
    config = tiny_config(kind, ema_decay=0.9, accumulate=2)
    whole = Trainer(config, MovingClips())
    assert whole.run().step == 6

    output = Output(tmp_path)
    first = Trainer(config, MovingClips(), output, hooks=stop_after(3))
    assert first.run().reason == "stopped"
    start = read_start(tmp_path, config.model)
    second = Trainer(config, MovingClips(seed=99), output, start=start)  # the state brings its own place in the data
    summary = second.run()
    assert (summary.reason, summary.step, summary.clips) == ("finished", 6, 24)
    assert same_tensors(weights_of(whole), weights_of(second))
    assert same_tensors(averages_of(whole), averages_of(second))
    assert not same_tensors(weights_of(whole), weights_of(first))


def test_a_last_step_leaves_the_schedule(tmp_path):
    config = tiny_config()
    whole, first = Trainer(config, MovingClips()), Trainer(config, MovingClips(), Output(tmp_path), limits=Limits(2))
    whole.run()
    assert first.run().reason == "steps"
    second = Trainer(config, MovingClips(), start=read_start(tmp_path, config.model))
    second.run()
    assert same_tensors(weights_of(whole), weights_of(second))


def test_after_the_end_comes_another_cycle(tmp_path):
    config = tiny_config()
    Trainer(config, MovingClips(), Output(tmp_path)).run()
    again = Trainer(config, MovingClips(), start=read_start(tmp_path, config.model))
    assert again.run().step == 12


def test_weights_alone_start_afresh(tmp_path):
    config = tiny_config()
    first = Trainer(config, MovingClips(), Output(tmp_path, with_state=False))
    first.run()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tensorboard", "weights.safetensors"]
    start = read_start(tmp_path, config.model)
    assert start.state is None
    second = Trainer(config, MovingClips(), start=start)
    assert second.step_number == 0
    halved = {name: weights.half().float() for name, weights in weights_of(first).items()}
    assert same_tensors(weights_of(second), halved)


def test_the_time_ends_it_and_the_learning_rate_with_it(monkeypatch):
    """A clock that goes on by ten seconds whenever it is asked."""
    now = 0.0

    def monotonic():
        nonlocal now
        now += 10
        return now

    monkeypatch.setattr("tracker.training.loop.time.monotonic", monotonic)
    config = tiny_config(steps=100_000, log_every=1, checkpoint_every_minutes=1e9)
    reports: list[Progress] = []
    summary = Trainer(config, MovingClips(), limits=Limits(seconds=600), hooks=Hooks(report=reports.append)).run()
    assert summary.reason == "time"
    assert 550 <= summary.seconds <= 630  # a step and what is around it take 30 of these seconds
    assert summary.step < 40
    rates = [report.rate for report in reports]
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] < 0.05 * config.optimiser.learning_rate < max(rates)


def spoil_from(sample):
    def spoil(number, clips):
        return clips._replace(video=clips.video * torch.inf) if number >= sample else clips

    return spoil


def overflow(trainer, sample):
    """Make the loss no number from a sample on: weights that are huge."""

    def spoil(number, clips):
        if number == sample:
            with torch.no_grad():
                trainer[0].network.updateformer.flow_head.bias.fill_(torch.inf)
        return clips

    return spoil


@pytest.mark.parametrize(("precision", "stops_at"), [("float32", 4), ("bfloat16", 7)])
def test_a_loss_that_is_no_number_stops_it_and_the_checkpoint_stays(tmp_path, precision, stops_at):
    config = tiny_config(precision=precision, steps=50)
    good = Trainer(config, MovingClips(), Output(tmp_path), limits=Limits(3))
    good.run()
    files = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert len(files) == 2
    trainers: list[Trainer] = []
    source = MovingClips(spoil=overflow(trainers, 4))
    trainers.append(Trainer(config, source, Output(tmp_path), start=read_start(tmp_path, config.model)))
    with pytest.raises(Diverged, match=f"the loss is no number at step {stops_at}; the last checkpoint is kept"):
        trainers[0].run()
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == files


def test_one_bad_gradient_is_skipped_under_bfloat16(monkeypatch):
    trainer = Trainer(tiny_config(precision="bfloat16"), MovingClips())
    calls, clip = 0, torch.nn.utils.clip_grad_norm_

    def once_bad(parameters, largest):
        nonlocal calls
        calls += 1
        norm = clip(parameters, largest)
        return norm * torch.nan if calls == 3 else norm

    monkeypatch.setattr("tracker.training.loop.nn.utils.clip_grad_norm_", once_bad)
    before = []

    def should_stop():
        before.append(weights_of(trainer))
        return False

    trainer.hooks = Hooks(should_stop=should_stop)
    summary = trainer.run()
    assert (summary.step, summary.skipped) == (6, 1)
    assert same_tensors(before[2], before[3])
    assert not same_tensors(before[3], before[4])


def test_clips_without_a_sound_label_do_no_harm():
    trainer = Trainer(tiny_config(), MovingClips(spoil=spoil_from(2)))
    assert trainer.run().step == 6
    assert all(weights.isfinite().all() for weights in weights_of(trainer).values())


@pytest.mark.parametrize("kind", ["online", "offline"])
@pytest.mark.parametrize("matching", [False, True])
def test_recomputed_activations_give_the_same_gradients(kind, matching):
    config = tiny_config(kind, precision="float32")
    config = replace(config, model=replace(config.model, matching=matching, flow=matching))
    clips = moving_clips(2, torch.Generator().manual_seed(0), frames=14)
    gradients = []
    for recompute in (False, True):
        options = replace(config, train=replace(config.train, gradient_checkpointing=recompute, disturbance=2.0))
        trainer = Trainer(options, OneClip(clips))
        trainer._gradients()
        gradients.append({name: weights.grad for name, weights in trainer.network.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-3, atol=3e-5)


def test_recomputing_trains_and_saves_the_same_network(tmp_path):
    config = tiny_config(gradient_checkpointing=True)
    trainer = Trainer(config, MovingClips(), Output(tmp_path))
    trainer.run()
    plain = Trainer(replace(config, train=replace(config.train, gradient_checkpointing=False)), MovingClips())
    plain.run()
    for name, weights in weights_of(plain).items():
        torch.testing.assert_close(weights_of(trainer)[name], weights, rtol=1e-3, atol=1e-5)
    assert load_checkpoint(tmp_path)[1].config == config.model


def test_bfloat16_keeps_positions_in_float32():
    model = new_network(tiny_config().model, seed=1)
    clips = moving_clips(1, torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        windows = predict(model, clips, first_queries(clips), 1).windows
    assert windows is not None
    assert {window.tracks.dtype for window in windows} == {torch.float32}


def test_averaged_weights_are_what_is_used(tmp_path):
    config = tiny_config(ema_decay=0.5)
    seen = []

    def validate(network):
        seen.append(network)
        return {"score": 1.0}

    hooks = Hooks(validate=validate)
    trainer = Trainer(
        replace(config, train=replace(config.train, validate_every=6)), MovingClips(), Output(tmp_path), hooks=hooks
    )
    trainer.run()
    saved = dict(load_checkpoint(tmp_path)[0].named_parameters())
    for name, average in averages_of(trainer).items():
        assert torch.equal(saved[name], average.half().float())
        assert torch.equal(seen[0].get_parameter(name), average)
    assert not same_tensors(weights_of(trainer), averages_of(trainer))


def test_curves_are_written(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = tiny_config(log_every=2, validate_every=3)
    hooks = Hooks(validate=lambda network: {"held AJ": 12.0})
    Trainer(config, MovingClips(), Output(tmp_path), hooks=hooks).run()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    losses = events.Scalars("loss/total")
    assert [event.step for event in losses] == [2, 4, 6]
    assert all(event.value > 0 for event in losses)
    assert [(event.step, event.value) for event in events.Scalars("validation/held AJ")] == [(3, 12.0), (6, 12.0)]
    assert {"rate", "gradient", "data_share", "seconds_per_step"} <= set(events.Tags()["scalars"])


def test_without_tensorboard_it_says_so_and_goes_on(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    trainer = Trainer(tiny_config(), MovingClips(), Output(tmp_path))
    assert trainer.run().step == 6
    assert "tensorboard is missing" in trainer.notes[0]
