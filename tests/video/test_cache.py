import random
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.video import FrameCache, prefetch_order


def picture(number, size=10):
    return np.full(size, number % 256, np.uint8)


def test_the_least_recently_used_frame_goes_first():
    cache = FrameCache(30)
    for number in (1, 2, 3):
        cache.put(number, picture(number))
    assert cache.get(1) is not None
    cache.put(4, picture(4))
    assert [number in cache for number in (1, 2, 3, 4)] == [True, False, True, True]
    assert cache.get(2) is None
    assert (cache.bytes, len(cache)) == (30, 3)
    cache.clear()
    assert (cache.bytes, len(cache)) == (0, 0)


def test_a_frame_comes_back_as_the_very_same_array():
    cache = FrameCache(100)
    frame = picture(7)
    cache.put(7, frame)
    assert cache.get(7) is frame


def test_a_frame_larger_than_the_cache_is_not_kept_and_drops_its_old_self():
    cache = FrameCache(30)
    cache.put(1, picture(1))
    cache.put(2, picture(2))
    cache.put(1, picture(1, 31))
    assert (1 in cache, 2 in cache, cache.bytes) == (False, True, 10)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 40)), max_size=60), st.integers(0, 100))
def test_it_never_holds_more_than_allowed_and_counts_right(puts, limit):
    cache = FrameCache(limit)
    sizes: dict[int, int] = {}
    for number, size in puts:
        cache.put(number, picture(number, size))
        sizes[number] = size
        assert cache.bytes <= limit
        assert cache.bytes == sum(sizes[kept] for kept in sizes if kept in cache)
        assert (number in cache) == (size <= limit)


def test_many_threads_at_once():
    cache = FrameCache(500)
    faults: list[str] = []

    def work(seed: int) -> None:
        choose = random.Random(seed)
        for _ in range(2000):
            number = choose.randrange(100)
            frame = cache.get(number)
            if frame is None:
                cache.put(number, picture(number))
            elif frame[0] != number:
                faults.append(f"{number} gave {frame[0]}")
            if choose.random() < 0.001:
                cache.clear()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert cache.bytes == 10 * len(cache) <= 500


@pytest.mark.parametrize(
    ("centre", "direction", "expected"),
    [
        (50, 1, [51, 52, 53, 54, 55, 56, 48, 49]),
        (50, -1, [44, 45, 46, 47, 48, 49, 51, 52]),
        (50, 0, [51, 52, 53, 54, 46, 47, 48, 49]),
        (0, -1, [1, 2, 3, 4, 5, 6, 7, 8]),
        (99, 1, [91, 92, 93, 94, 95, 96, 97, 98]),
        (97, 1, [98, 99, 91, 92, 93, 94, 95, 96]),
    ],
)
def test_prefetch_looks_where_the_travel_goes(centre, direction, expected):
    assert prefetch_order(centre, direction, 8, 100) == expected


@given(st.integers(1, 60), st.integers(0, 59), st.integers(-1, 1), st.integers(0, 80))
def test_prefetch_gives_as_many_neighbours_as_there_are(frame_count, centre, direction, count):
    centre = min(centre, frame_count - 1)
    order = prefetch_order(centre, direction, count, frame_count)
    assert len(order) == len(set(order)) == min(count, frame_count - 1)
    assert centre not in order
    assert all(0 <= index < frame_count for index in order)
    if order:  # without holes around the centre
        assert max(max(order), centre) - min(min(order), centre) == len(order)
