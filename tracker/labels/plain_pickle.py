"""Pickles of numpy arrays and builtins, read without running anything that the file names.

TAP-Vid and the CoTracker training folders are pickles. A pickle is a program; here its only reachable functions are
those of this file, which make arrays out of bytes. numpy's own unpickling is not called, so that a forged dtype
cannot reach it.
"""

import io
import pickle
import re
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError

_DTYPE = re.compile(r"[|<>=]?([biufcSU]\d*|O8?)")


class _Dtype:
    """A plain dtype as a pickle describes it: a type letter with its size, and the byte order in the state."""

    def __init__(self, text: Any, align: Any = False, copy: Any = True) -> None:
        text = _text(text)
        if not _DTYPE.fullmatch(text):
            raise pickle.UnpicklingError(f"dtype {text!r}")
        self.dtype = np.dtype(text)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = _text(state[1])
        if order in "<>" and self.dtype.kind in "US" and state[5] != -1:
            self.dtype = np.dtype(f"{self.dtype.kind}{state[5] // (4 if self.dtype.kind == 'U' else 1)}")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """An array in the making: empty until its state arrives."""

    def __init__(self, *_: Any) -> None:
        self.array: NDArray[Any] = np.zeros(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, data = state
        order: Literal["C", "F"] = "F" if fortran else "C"
        if dtype.dtype.hasobject:
            self.array = np.empty(len(data), dtype=object)
            self.array[:] = data
            self.array = self.array.reshape(shape, order=order)
        else:
            data = data.encode("latin1") if isinstance(data, str) else data
            self.array = np.frombuffer(data, dtype.dtype).reshape(shape, order=order).copy()


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _from_buffer(data: Any, dtype: _Dtype, shape: tuple[int, ...], order: Any) -> _Array:
    made = _Array()
    made.__setstate__((1, shape, dtype, order == "F", data))
    return made


def _scalar(dtype: _Dtype, data: Any) -> Any:
    data = data.encode("latin1") if isinstance(data, str) else data
    return np.frombuffer(data, dtype.dtype, 1)[0]


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"encoding {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """How protocol 2 writes b""."""
    return b""


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


_REACHABLE: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
}
for _core in ("numpy.core", "numpy._core"):
    _REACHABLE[f"{_core}.multiarray", "_reconstruct"] = _reconstruct
    _REACHABLE[f"{_core}.multiarray", "scalar"] = _scalar
    _REACHABLE[f"{_core}.numeric", "_frombuffer"] = _from_buffer


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _REACHABLE:
            raise _ForeignNameError(f"{module}.{name}")
        return _REACHABLE[module, name]


class _ForeignNameError(pickle.UnpicklingError):
    """The pickle names something else than arrays."""


def load_plain(handle: IO[bytes], path: Path) -> Any:
    """The builtins and arrays in a pickle of any protocol, Python 2's included.

    Raises:
        InputError: not a pickle, damaged, or it holds something else than arrays and builtins.
    """
    try:
        return _plain(_Unpickler(handle, encoding="latin1").load())
    except _ForeignNameError as error:
        raise InputError(f"{path}: the pickle holds {error}, only plain arrays are read") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be read'}") from error
    except Exception as error:  # a damaged pickle raises almost anything, from KeyError to MemoryError
        raise InputError(f"{path}: this is not a whole pickle of plain arrays") from error


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        return _plain_array(value.array)
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value)
    return value


def _plain_array(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.hasobject:
        for index in np.ndindex(array.shape):
            array[index] = _plain(array[index])
    return array


class _Pickler(pickle.Pickler):
    """Writes arrays without naming a numpy module, whose name changed with numpy 2: both versions read the result."""

    def reducer_override(self, value: Any) -> Any:
        if type(value) is not np.ndarray:
            return NotImplemented
        data = value.ravel().tolist() if value.dtype.hasobject else value.tobytes()
        return np.ndarray, ((0,),), (1, value.shape, value.dtype, False, data)


def dump_plain(value: Any, handle: IO[bytes]) -> None:
    """Pickle builtins and arrays with protocol 4, so that numpy 1 and 2 both read it."""
    _Pickler(handle, protocol=4).dump(value)


def load_plain_npy(path: Path) -> Any:
    """The value in an `.npy` file that holds one pickled object.

    Raises:
        InputError: as `load_plain`, or not such a file.
    """
    try:
        with path.open("rb") as handle:
            version = np.lib.format.read_magic(handle)
            read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, _, dtype = read_header[version](handle)
            content = io.BytesIO(handle.read())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be read'}") from error
    except (ValueError, KeyError) as error:
        raise InputError(f"{path}: this is not an .npy file") from error
    if shape != () or not dtype.hasobject:
        raise InputError(f"{path}: expected one pickled object, this is an array of {dtype} with shape {shape}")
    loaded = load_plain(content, path)
    return loaded.item() if isinstance(loaded, np.ndarray) and loaded.shape == () else loaded


def dump_plain_npy(value: Any, handle: IO[bytes]) -> None:
    """Write one object as `numpy.save` does, to be read with `numpy.load(path, allow_pickle=True).item()`."""
    holder = np.empty((), dtype=object)
    holder[()] = value
    np.lib.format.write_array_header_1_0(handle, {"shape": (), "fortran_order": False, "descr": "|O"})
    dump_plain(holder, handle)
