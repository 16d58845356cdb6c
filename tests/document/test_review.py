"""The review queue: walking it, deciding, and the pace."""

import pytest

from app.document.review import ReviewQueue
from tracker.inference.suspicion import Suspect


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def suspects(*errors: float) -> list[Suspect]:
    return [Suspect(k + 1, 10 * k, 10 * k + 5, 10 * k + 2, error, ("uncertainty",)) for k, error in enumerate(errors)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock):
    queue = ReviewQueue(clock)
    queue.show(suspects(9, 8, 7, 6))
    return queue


def test_walking_begins_with_the_worst_and_stops_at_both_ends(queue):
    assert queue.current is None
    assert [queue.next().track_id for _ in range(4)] == [1, 2, 3, 4]
    assert queue.next() is None
    assert queue.position == 3
    assert [queue.previous().track_id for _ in range(3)] == [3, 2, 1]
    assert queue.previous() is None


def test_an_empty_queue_leads_nowhere():
    queue = ReviewQueue()
    assert queue.next() is None
    assert queue.previous() is None
    assert queue.decide() is None
    with pytest.raises(IndexError):
        queue.go(0)


def test_what_is_decided_leaves_and_the_next_follows(queue):
    queue.go(1)
    assert queue.decide().track_id == 3
    assert [s.track_id for s in queue.suspects] == [1, 3, 4]
    queue.go(2)
    assert queue.decide().track_id == 3
    assert (queue.left, queue.decided) == (2, 2)
    queue.decide()
    assert queue.decide() is None
    assert queue.left == 0
    assert queue.position is None


def test_the_current_one_stays_when_suspects_are_found_anew(queue):
    queue.go(2)
    moved = Suspect(3, 22, 24, 23, 20.0, ())  # what is left of it, and now the worst
    queue.show([moved, *suspects(9, 8)])
    assert (queue.current, queue.position) == (moved, 0)
    queue.show(suspects(9, 8), settles=False)
    assert (queue.position, queue.decided) == (None, 0)


def test_what_was_put_right_counts_and_its_successor_follows(queue, clock):
    for left in ((9, 8, 7, 6), (9, 8, 7), (9, 8)):
        queue.show(suspects(*left))
        queue.go(1)
        clock.now += 5
        queue.show([suspect for suspect in suspects(*left) if suspect.track_id != 2])
        assert queue.position is None
    assert (queue.decided, queue.pace) == (3, 5)
    queue.show(suspects(9, 8, 7, 6))
    assert queue.next().track_id == 2  # at the place of what was put right
    queue.show(suspects(9))
    assert queue.next().track_id == 1  # nothing follows there


def test_before_what_was_put_right_is_the_one_before(queue):
    queue.go(2)
    queue.show([suspect for suspect in suspects(9, 8, 7, 6) if suspect.track_id != 3])
    assert queue.previous().track_id == 2


def test_the_pace_is_the_median_of_this_persons_decisions(queue, clock):
    queue.show(suspects(*range(40, 0, -1)))
    queue.go(0)
    for seconds in (4, 30, 6):
        assert queue.pace is None
        clock.now += seconds
        queue.decide()
    assert queue.pace == 6
    assert queue.time_left == 6 * 37


def test_long_pauses_do_not_count(queue, clock):
    queue.show(suspects(*range(40, 0, -1)))
    queue.go(0)
    for seconds in (4, 121, 3000, 4, 4):
        clock.now += seconds
        queue.decide()
    assert queue.pace == 4


def test_the_time_counts_from_when_one_is_gone_to(queue, clock):
    queue.show(suspects(*range(40, 0, -1)))
    for place in range(3):
        queue.go(place)
        clock.now += 50
        queue.go(place + 1)
        clock.now += 5
        queue.go(place + 1)  # once more changes nothing
        clock.now += 5
        queue.decide()
    assert queue.pace == 10


def test_another_document_keeps_only_the_pace(queue, clock):
    queue.go(0)
    for _ in range(3):
        clock.now += 2
        queue.decide()
    queue.clear()
    assert (queue.left, queue.decided, queue.current) == (0, 0, None)
    assert queue.pace == 2


def test_who_watches_hears_of_every_change(queue):
    heard = []
    end = queue.changed.subscribe(lambda q: heard.append((q.left, q.position)))
    queue.next()
    queue.decide()
    queue.show([])
    end()
    queue.show(suspects(3))
    assert heard == [(4, 0), (3, 0), (0, None)]
