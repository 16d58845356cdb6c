"""Pickles of arrays: whatever numpy writes is read, whatever is written here numpy reads, and nothing runs."""

import contextlib
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from tracker.files import InputError
from tracker.labels.plain_pickle import dump_plain, dump_plain_npy, load_plain, load_plain_npy

PATH = Path("some.pkl")
dtypes = st.one_of(
    arrays_of.boolean_dtypes(),
    arrays_of.integer_dtypes(endianness="?"),
    arrays_of.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    arrays_of.byte_string_dtypes(max_len=5),
    arrays_of.unicode_string_dtypes(max_len=5, endianness="="),
)
some_arrays = dtypes.flatmap(
    lambda dtype: arrays_of.arrays(dtype, arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
records = st.dictionaries(
    st.text(max_size=4),
    st.recursive(
        st.one_of(some_arrays, st.integers(), st.floats(allow_nan=False), st.text(), st.binary(), st.none()),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.tuples(inner, inner)),
        max_leaves=4,
    ),
    max_size=3,
)


def assert_equal(mine: Any, theirs: Any) -> None:
    assert type(mine) is type(theirs)
    if isinstance(mine, np.ndarray):
        # numpy itself turns some arrays into the machine's byte order when it loads them.
        assert (mine.dtype.newbyteorder("="), mine.shape) == (theirs.dtype.newbyteorder("="), theirs.shape)
        np.testing.assert_array_equal(mine, theirs)
    elif isinstance(mine, dict):
        assert list(mine) == list(theirs)
        for key in mine:
            assert_equal(mine[key], theirs[key])
    elif isinstance(mine, list | tuple):
        assert len(mine) == len(theirs)
        for one, other in zip(mine, theirs, strict=True):
            assert_equal(one, other)
    else:
        assert mine == theirs


@given(value=records, protocol=st.integers(2, 5))
def test_what_numpy_pickles_is_read(value: dict[str, Any], protocol: int) -> None:
    assert_equal(load_plain(io.BytesIO(pickle.dumps(value, protocol)), PATH), value)


@given(value=records)
def test_what_is_pickled_here_numpy_reads(value: dict[str, Any]) -> None:
    handle = io.BytesIO()
    dump_plain(value, handle)
    assert_equal(pickle.loads(handle.getvalue()), value)
    assert_equal(load_plain(io.BytesIO(handle.getvalue()), PATH), value)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_columns_first_object_arrays_and_scalars(protocol: int) -> None:
    objects = np.array([np.arange(3), None, "text"], dtype=object)
    value = [np.asfortranarray(np.arange(12.0).reshape(3, 4)), np.float32(1.5), objects]
    back = load_plain(io.BytesIO(pickle.dumps(value, protocol)), PATH)
    np.testing.assert_array_equal(back[0], value[0])
    assert back[1] == np.float32(1.5)
    assert back[2][0].tolist() == [0, 1, 2]
    assert back[2][1:].tolist() == [None, "text"]


def test_npy_files_both_ways(tmp_path: Path) -> None:
    value = {"coords": np.ones((2, 3, 2), np.float32), "visibility": np.zeros((2, 3), bool)}
    with (tmp_path / "mine.npy").open("wb") as handle:
        dump_plain_npy(value, handle)
    assert_equal(np.load(tmp_path / "mine.npy", allow_pickle=True).item(), value)
    assert_equal(load_plain_npy(tmp_path / "mine.npy"), value)
    np.save(tmp_path / "theirs.npy", np.array(value, dtype=object), allow_pickle=True)
    assert_equal(load_plain_npy(tmp_path / "theirs.npy"), value)


def by_hand(text: str) -> bytes:
    """A pickle of protocol 0 that calls a global with one text."""
    module, name, argument = text.split()
    return f"c{module}\n{name}\n(V{argument}\ntR.".encode()


@pytest.mark.parametrize(
    "content",
    [
        by_hand("os system true"),
        by_hand("builtins eval 1+1"),
        by_hand("numpy load x.npy"),
        by_hand("numpy.core.multiarray fromstring x"),
        by_hand("_codecs decode x"),
        b"cnumpy\nndarray.tofile\n.",
    ],
)
def test_other_names_are_refused_by_name(content: bytes) -> None:
    with pytest.raises(InputError, match=r"some.pkl: the pickle holds \w+\.[\w.]+, only plain arrays are read"):
        load_plain(io.BytesIO(content), PATH)


@pytest.mark.parametrize(
    "content",
    [
        b"cnumpy\ndtype\n(VO,f8\ntR.",
        b"cnumpy\ndtype\n(VV8\ntR.",
        b"c_codecs\nencode\n(Vabc\nVutf-7\ntR.",
        pickle.dumps(np.arange(1000))[:-500],
    ],
)
def test_forged_and_broken_arrays_are_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="not a whole pickle of plain arrays"):
        load_plain(io.BytesIO(content), PATH)


# 150 turns a value into a bytearray of a huge size, whose deallocation CPython 3.11 complains of on its own.
@settings(deadline=None)
@given(position=st.integers(0, 400), value=st.integers(0, 255).filter(lambda value: value != 150))
def test_a_flipped_byte_never_does_more_than_fail(position: int, value: int) -> None:
    content = bytearray(pickle.dumps({"points": np.ones((2, 3, 2)), "occluded": np.zeros((2, 3), bool)}, 2))
    content[position % len(content)] = value
    with contextlib.suppress(InputError):
        load_plain(io.BytesIO(bytes(content)), PATH)
