"""Which of several licences binds most. Labels made by several networks may be used as the strictest of them says."""

import re
from collections.abc import Iterable

NOT_STATED = "not stated"

_UNKNOWN = 6  # nobody allowed anything: stricter than all that say what they allow

# What a licence's name tells, by how much it asks: the first pattern that fits decides.
_KINDS = (
    (re.compile(r"\bNC\b|non-?commercial", re.I), 5),
    (re.compile(r"not stated|states? none", re.I), _UNKNOWN),
    (re.compile(r"\bA?GPL\b|\bSA\b|share-?alike", re.I), 3),
    (re.compile(r"\bLGPL|\bMPL\b|Clear\b", re.I), 2),
    (re.compile(r"CC[- ]?BY|Apache|\bMIT\b|\bBSD\b|\bISC\b", re.I), 1),
    (re.compile(r"CC0|public domain|unrestricted", re.I), 0),
)


def strictness(licence: str) -> int:
    """0 for no conditions, more for more of them; the most for a name that says nothing."""
    return next((rank for pattern, rank in _KINDS if pattern.search(licence)), _UNKNOWN)


def strictest(licences: Iterable[str]) -> str:
    """The licence that binds most; of equals the first. Without any, or where one is empty, "not stated"."""
    known = [licence or NOT_STATED for licence in licences]
    return max(known, key=strictness) if known else NOT_STATED
