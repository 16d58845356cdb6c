"""Reading a JSON file that somebody else wrote."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tracker.files import InputError
from tracker.labels.text import bad_line, read_text


def read_json(
    path: Path,
    each_object: Callable[[dict[str, Any]], Any] | None = None,
    each_pairs: Callable[[list[tuple[str, Any]]], Any] | None = None,
) -> Any:
    """The value in a JSON file.

    Args:
        each_object, each_pairs: what `json.loads` calls `object_hook` and `object_pairs_hook`.

    Raises:
        InputError: it cannot be read, is cut off or no JSON (with the line), or is nested too deeply; and what the
            hooks raise.
    """
    text = read_text(path)
    try:
        return json.loads(text, object_hook=each_object, object_pairs_hook=each_pairs)
    except json.JSONDecodeError as error:
        raise bad_line(path, error.lineno, f"this is no whole JSON file ({error.msg})") from error
    except InputError:
        raise
    except RecursionError as error:
        raise InputError(f"{path}: the JSON is nested too deeply") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise InputError(f"{path}: the JSON holds a number that is too large") from error
