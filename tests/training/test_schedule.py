"""The learning rate against PyTorch's, and cycles that end with the steps or with the time."""

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

from tracker.training.schedule import EXTRA_STEPS, Cycle, OneCycle


@pytest.mark.parametrize(("steps", "warm_up"), [(40, 0.05), (300, 0.05), (300, 0.3)])
def test_rates_are_those_of_pytorch(steps, warm_up):
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = OneCycleLR(optimiser, 5e-4, total_steps=steps + EXTRA_STEPS, pct_start=warm_up, cycle_momentum=False)
    ours = OneCycle(5e-4, steps, warm_up)
    for step in range(steps):
        assert ours.rate(step / steps) == pytest.approx(theirs.get_last_lr()[0], rel=1e-6)
        optimiser.step()
        theirs.step()


def test_no_warm_up_begins_at_the_top():
    assert OneCycle(1e-3, 1000, 0.0).rate(0) == pytest.approx(1e-3, rel=1e-4)


def test_the_end_of_a_long_run_is_next_to_nothing():
    assert OneCycle(1e-3, 50_000, 0.05).rate(1) < 1e-7


def test_steps_alone():
    cycle = Cycle(10)
    assert [cycle.share(step, 1e9) for step in (0, 3, 10, 11)] == [0, 0.3, 1, 1]


def test_the_time_or_the_steps_whichever_is_more():
    cycle = Cycle(10, seconds=60)
    assert cycle.share(1, 30) == 0.5
    assert cycle.share(8, 30) == 0.8
    assert cycle.share(0, 61) == 1


def test_going_on_is_exact():
    first, second = Cycle(7), Cycle(7)
    second.go_on(3, 0, first.share(3, 0))
    assert [second.share(step, 0) for step in range(3, 8)] == [first.share(step, 0) for step in range(3, 8)]


def test_a_budget_that_is_taken_up_again_is_for_the_rest():
    cycle = Cycle(1000, seconds=100)
    cycle.go_on(10, 0, 0.6)
    assert cycle.share(10, 0) == pytest.approx(0.6)
    assert cycle.share(20, 50) == pytest.approx(0.8)
    without = Cycle(1000)
    without.go_on(10, 0, 0.6)
    assert without.share(10, 0) == pytest.approx(0.6)
    assert without.share(110, 0) == pytest.approx(0.7)


def test_after_a_cycle_comes_another():
    cycle = Cycle(10)
    cycle.go_on(10, 0, 1.0)
    assert cycle.share(10, 0) == 0
    assert cycle.share(15, 0) == 0.5
