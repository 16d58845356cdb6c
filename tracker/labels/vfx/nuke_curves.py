"""The text in which Nuke keeps its nodes: words of Tcl, and curves as lists of keys.

A script is made of commands, one a line; a word is bare, in quotation marks (with backslashes before what would end it)
or in braces, which nest. A curve is `curve KEY…`, and a key is `[letter] [x<frame>] value [s<slope>] [t<slope>] …`: the
letter tells how the curve runs on from there (K holds, L is straight, the others bend), and a key without a frame lies
as far behind the one before it as that one behind its own predecessor. Source: the curve serialisation of Nuke's
plug-in kit, and scripts that Nuke 5 to 8 wrote.
"""

import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.labels.keys import ReadTrack
from tracker.labels.text import bad_line, read_text, rows

# What makes a file of nodes both a script to be opened and a text to be pasted into one.
PREAMBLE = "set cut_paste_input [stack 0]\nversion 13.2 v1\npush $cut_paste_input\n"
NAME_CHARACTERS = "A-Za-z0-9_ "  # of a track; everything else can mean something to Tcl
FARTHEST_FRAME = 1e9

_BRACE = re.compile(r"\\.|\{|\}", re.DOTALL)
_BLANK = re.compile(r"(?:[ \t\n\f\v]|\\\n)*")
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_BARE = re.compile(r"(?:[^\s\\]|\\.)+", re.DOTALL | re.ASCII)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{1,4})|(.))", re.DOTALL)
_TANGENT = re.compile(r"[A-Za-z](?:-?[\d.]+(?:[eE][-+]?\d+)?)?")


@dataclass(frozen=True)
class Word:
    """One word of a script.

    Attributes:
        text: its characters without the marks around it; escapes are undone but in braces.
        at: where `text` begins in the script.
        braced: it stands in braces, so that its text is a list or a script of its own.
        leads: it is the first of its line.
    """

    text: str
    at: int
    braced: bool
    leads: bool


@dataclass(frozen=True)
class Node:
    """One node of a script: its class, its knobs by name, and the line it begins on."""

    kind: str
    knobs: dict[str, Word]
    line: int

    @property
    def name(self) -> str:
        """As the person named it, else its class."""
        return self.knobs["name"].text if "name" in self.knobs else self.kind


@dataclass(frozen=True)
class Curve:
    """The keys of one curve, as they stand."""

    frames: list[int]
    values: list[float]


class Script:
    """A Nuke script, or what was copied out of one.

    Raises InputError, here and in its methods, where the file is none: with the line of what is wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = read_text(path)
        self._ends: dict[int, int] = {}

    @cached_property
    def _breaks(self) -> list[int]:
        return [found.start() for found in re.finditer("\n", self.text)]

    def line(self, at: int) -> int:
        """The line of a place in the text, from 1."""
        return bisect_left(self._breaks, at) + 1

    def nodes(self, *kinds: str) -> list[Node]:
        """The nodes of these classes, in their order; the whole script is looked through."""
        found = []
        for command in self._commands(0, len(self.text)):
            if len(command) > 1 and command[1].braced and command[0].text in kinds:
                knobs = {}
                for knob, *values in self._commands(command[1].at, command[1].at + len(command[1].text)):
                    if values:
                        knobs[knob.text] = values[0]
                found.append(Node(command[0].text, knobs, self.line(command[0].at)))
        return found

    def items(self, word: Word) -> list[Word]:
        """The elements of a list in braces; of anything else the word itself."""
        return list(self._words(word.at, word.at + len(word.text))) if word.braced else [word]

    def _commands(self, start: int, end: int) -> Iterator[list[Word]]:
        command: list[Word] = []
        for word in self._words(start, end, comments=True):
            if word.leads and command:
                yield command
                command = []
            command.append(word)
        if command:
            yield command

    def _words(self, start: int, end: int, comments: bool = False) -> Iterator[Word]:
        at, leads = start, True
        while True:
            blank = _BLANK.match(self.text, at, end)
            assert blank is not None
            leads = leads or "\n" in blank[0].replace("\\\n", "")
            at = blank.end()
            if at >= end:
                return
            if comments and leads and self.text[at] == "#":
                at = self.text.find("\n", at, end)
                if at < 0:
                    return
                continue
            word, at = self._word(at, end, leads)
            yield word
            leads = False

    def _word(self, at: int, end: int, leads: bool) -> tuple[Word, int]:
        """The word that begins here, and where it ends."""
        first = self.text[at]
        if first == "{":
            close = self._close(at)
            return Word(self.text[at + 1 : close], at + 1, True, leads), close + 1
        if first == "}":
            raise bad_line(self.path, self.line(at), "this brace closes nothing")
        if first == '"':
            quoted = _QUOTED.match(self.text, at, end)
            if quoted is None:
                raise bad_line(self.path, self.line(at), "this quotation mark is never closed")
            return Word(_unescaped(quoted[1]), at + 1, False, leads), quoted.end()
        bare = _BARE.match(self.text, at, end)
        if bare is None:
            raise bad_line(self.path, self.line(at), "the file ends with a backslash; it is cut off")
        return Word(_unescaped(bare[0]), at, False, leads), bare.end()

    def _close(self, at: int) -> int:
        """Where the brace that opens here is closed."""
        if at not in self._ends:
            waiting: list[int] = []
            for found in _BRACE.finditer(self.text, at):
                if found[0] == "{":
                    waiting.append(found.start())
                elif found[0] == "}":
                    self._ends[waiting.pop()] = found.start()
                    if not waiting:
                        break
            else:
                raise bad_line(self.path, self.line(waiting[-1]), "this brace is never closed; the file is cut off")
        return self._ends[at]

    def curve(self, word: Word) -> Curve | float | None:
        """What a cell holds: keys, one number for all frames, or None: an expression, or nothing at all."""
        if not word.text.startswith("curve"):
            try:
                value = float(word.text)
            except ValueError:
                return None
            return value if math.isfinite(value) else None
        head, *tokens = word.text.split()
        if head != "curve":
            return None
        line = self.line(word.at)
        plain = _plain_keys(tokens)
        if plain is not None:
            frames, values = plain
        else:
            given, values = self._keys(tokens, line)
            frames = self._whole(given, line)
        if not all(map(math.isfinite, values)):
            raise bad_line(self.path, line, "a curve has a value that is not a finite number")
        return Curve(frames, values) if frames else None

    def _whole(self, frames: list[float], line: int) -> list[int]:
        for frame in frames:
            if not abs(frame) < FARTHEST_FRAME:
                raise bad_line(self.path, line, f"{frame:g} cannot be a frame's number")
            if frame != int(frame):
                raise bad_line(self.path, line, f"a curve has a key at {frame:g}, between two frames")
        return [int(frame) for frame in frames]

    def _keys(self, tokens: Sequence[str], line: int) -> tuple[list[float], list[float]]:
        """Keys in any spelling, frame by frame."""
        frames: list[float] = []
        values: list[float] = []
        given: float | None = None
        step = 1.0
        for token in tokens:
            try:
                if token[0] == "x":
                    given = float(token[1:])
                    continue
                if _TANGENT.fullmatch(token):
                    continue
                values.append(float(token))
            except ValueError as error:
                comma = " (numbers need a decimal point)" if "," in token else ""
                raise bad_line(self.path, line, f"{token[:40]!r} is no part of a curve{comma}") from error
            frame = given if given is not None else frames[-1] + step if frames else 0.0
            if frames:
                step = frame - frames[-1]
            frames.append(frame)
            given = None
        if given is not None:
            raise bad_line(self.path, line, f"the curve has no value at frame {given:g}")
        return frames, values

    def track(self, name: str, x: Word, y: Word) -> ReadTrack | None:
        """The track that two cells make: its keys where both have one. None where neither moves, or one of them is an
        expression.

        Raises:
            InputError: they have no key in common, or one of them is no curve.
        """
        across, up = self.curve(x), self.curve(y)
        if isinstance(across, Curve) and isinstance(up, float):
            up = Curve(across.frames, [up] * len(across.frames))
        elif isinstance(up, Curve) and isinstance(across, float):
            across = Curve(up.frames, [across] * len(up.frames))
        if not isinstance(across, Curve) or not isinstance(up, Curve):
            return None
        frames, xs, ys = across.frames, across.values, up.values
        line = self.line(x.at)
        if frames != up.frames:
            at = dict(zip(up.frames, ys, strict=True))
            common = [(frame, value) for frame, value in zip(frames, xs, strict=True) if frame in at]
            if not common:
                raise bad_line(self.path, line, f"x and y of the track {name!r} have no key on the same frame")
            frames, xs = [frame for frame, _ in common], [value for _, value in common]
            ys = [at[frame] for frame in frames]
        return ReadTrack(name, list(frames), list(zip(xs, ys, strict=True)), [line] * len(frames))


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(found: re.Match[str]) -> str:
    """What an escape stands for; blanks for line ends and tabs, and a mark for what no text can hold."""
    if not found[1]:
        return " " if found[2] in "ntrfvab\n" else found[2]
    character = chr(int(found[1], 16))
    return character if character.isprintable() else "\ufffd"


def _plain_keys(tokens: list[str]) -> tuple[list[int], list[float]] | None:
    """The keys of a curve in which each has its frame and nothing else, by the quick way; None for any other curve."""
    if tokens and len(tokens[0]) == 1 and tokens[0].isalpha():
        tokens = tokens[1:]
    if len(tokens) % 2:
        return None
    try:
        frames = _plain_frames(" ".join(tokens[0::2]))
        return frames, list(map(float, tokens[1::2]))
    except ValueError:
        return None


@lru_cache(maxsize=4)  # the curves of one track have their keys on the same frames
def _plain_frames(text: str) -> list[int]:
    """The whole numbers of `x1001 x1002 …`. Raises ValueError where they are no such."""
    words = text.replace("x", "").split()
    if not f" {text}".count(" x") == text.count("x") == len(words) or len(max(words, key=len, default="")) > 9:
        raise ValueError("not each word is an x and a number of common size")
    return list(map(int, words))


def curve_text(letter: str, frames: NDArray[np.int64], values: NDArray[Any], number: str = "%.6f") -> str:
    """A curve of which every key has its frame, in braces: `{curve L x1001 100.5 x1002 …}`."""
    return f"{{curve {letter}{rows(f' x%d {number}', frames, values)}}}"
