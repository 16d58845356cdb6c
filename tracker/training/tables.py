"""Reading a table of a TOML file into a frozen dataclass, strictly: every key known, every value of its type."""

import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from tracker.files import InputError, describe_os_error

T = TypeVar("T")


def read_sections(path: Path, known: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The sections of a TOML file by name, those that it lacks left out.

    Raises:
        InputError: the file cannot be read or is no TOML, or a section is not known.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{path}: there is no such file") from error
        raise describe_os_error(path, error) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file ({error})") from error
    for name, table in tables.items():
        if name not in known or not isinstance(table, dict):
            raise InputError(f'{path}: there is no section "{name}"; there are {", ".join(known)}')
    return tables


def read_table(cls: type[T], table: Mapping[str, Any], path: Path, section: str) -> T:
    """An instance of the dataclass `cls` with the values of a table; what the table does not name keeps its default.

    Raises:
        InputError: an unknown key, a missing one, a value of another type, or one that `cls` refuses with a ValueError.
    """
    hints = get_type_hints(cls)
    known = [field.name for field in fields(cls) if field.init]  # type: ignore[arg-type]
    check_keys(table, known, path, section)
    needed = [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]  # type: ignore[arg-type]
    if missing := [name for name in needed if name not in table]:
        raise InputError(f"{path}: [{section}] needs {missing[0]}")
    values: dict[str, Any] = {}
    for key, value in table.items():
        inner = _dataclass_in(hints[key])
        if inner is not None and isinstance(value, dict):
            values[key] = read_table(inner, value, path, f"{section}.{key}")
            continue
        try:
            values[key] = _converted(value, hints[key])
        except TypeError:
            raise InputError(f"{path}: [{section}] {key} = {value!r} must be {_in_words(hints[key])}") from None
    try:
        return cls(**values)
    except ValueError as error:
        raise InputError(f"{path}: [{section}] {error}") from error


def check_keys(table: Mapping[str, Any], known: list[str], path: Path, section: str) -> None:
    """Raise InputError where a table has a key that is not known."""
    for key in table:
        if key not in known:
            raise InputError(f'{path}: [{section}] has an unknown key "{key}"; known are {", ".join(known)}')


def _converted(value: Any, hint: Any) -> Any:
    """The value as its type has it; TypeError where it is none."""
    origin, choices = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value not in choices:
            raise TypeError
        return value
    if origin in (Union, types.UnionType):
        return _first_that_fits(value, choices)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise TypeError
        kinds = [choices[0]] * len(value) if choices[-1] is Ellipsis else list(choices)
        if len(kinds) != len(value):
            raise TypeError
        return tuple(_converted(one, kind) for one, kind in zip(value, kinds, strict=True))
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:  # not isinstance: true is no number
        raise TypeError
    return value


def _dataclass_in(hint: Any) -> Any:
    """The dataclass that a type is or may be; None where it is none."""
    return next((one for one in (hint, *get_args(hint)) if is_dataclass(one)), None)


def _first_that_fits(value: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        try:
            return _converted(value, choice)
        except TypeError:
            continue
    raise TypeError


def _in_words(hint: Any) -> str:
    origin, choices = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(repr(choice) for choice in choices)
    if origin in (Union, types.UnionType):
        return " or ".join(_in_words(choice) for choice in choices if choice is not types.NoneType)
    if origin is tuple:
        if choices[-1] is Ellipsis:
            return f"a list, each {_in_words(choices[0])}"
        return f"a list of {len(choices)}, each {_in_words(choices[0])}"
    if is_dataclass(hint):
        return "a table"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    return names.get(hint, str(hint))
