"""MatchMover: point tracks as `.rz2` text, and the XML of its successor, `.rzml`, to be read.

An `.rz2` begins with the sequence, `imageSequence "…" { width height f( "path" ) b( first last step ) }`, then has a
`pointTrack "…" { }` per track with rows `frame x y`. Behind a position, `k?( )` is a key and its number a threshold;
`p+( )` and `p*( )` were tracked, and the number is the quality, 0 to 1. Frames carry the plate's numbers; pixels count
from the top-left corner with centres at .5. Line ends may be mixed. An `.rzml` has the positions frame by frame:
`SHOT` > `IPLN` > `IFRM t` > `M i x y`, `cs` for the quality, and counts frames from 0.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.sax import make_parser

from tracker.files import InputError
from tracker.labels.conventions import FROM_0, RASTER_DOWN
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import ReadTrack, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.text import bad_line, plain_names, read_text, rows, to_float, to_frame
from tracker.labels.vfx.rows import Block, check_size, number_table, track_of_rows, write_blocks

CONVENTION = RASTER_DOWN
XML_CONVENTION = replace(RASTER_DOWN, frames=FROM_0, first=0)
_names = partial(plain_names, allowed="A-Za-z0-9_ ")
_KEY = "\t%d\t   %.3f     %.3f    ki( 0.8 )\t    s( 66 66 64 64 )  p( 24 24 25 25 )\n"
_TRACKED = "\t%d\t   %.3f     %.3f    p+( %.6f )\t\n"
_SEQUENCE = re.compile(r'\s*imageSequence\s+"[^"]*"\s*\{\s*(\S+)\s+([^\s}]+)')
_TRACK = re.compile(r'\s*pointTrack\s+"(.*)"[^"]*')


def write_matchmover(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write `.rz2`. Raises InputError where nothing or nowhere is to be written."""
    width, height = tracks.size_wh
    first = CONVENTION.first_number(options)
    pictures = re.sub(r'["\r\n\t]', "_", options.plate.path or options.name)
    numbers = f"b( {first} {first + tracks.n_frames - 1} 1 )"

    def pieces(count: int, blocks: Iterator[Block]) -> Iterator[str]:
        yield f'imageSequence\t"Sequence 01"\n{{\n\t{width}\t{height}\tf( "{pictures}" )\t{numbers}\t\n}}\n'
        for block in blocks:
            columns = block.frames, block.x, block.y
            yield f'pointTrack  "{block.name}"  rgb( 255 0 0 )\t\n{{\n'
            yield rows(_KEY, *(column[:1] for column in columns))
            yield rows(_TRACKED, *(column[1:] for column in (*columns, block.confidence)))
            yield "}\n"

    return write_blocks(tracks, path, options, CONVENTION, pieces, _names)


def read_matchmover(path: Path, video: VideoFacts) -> TrackFile:
    """Read `.rz2`.

    Raises:
        InputError: not such a file, one for pictures of another size, or a bad line, named by its number.
    """
    text = read_text(path)
    sequence = _SEQUENCE.match(text)
    if sequence is None:
        raise bad_line(path, 1, "this does not begin with an imageSequence and its size")
    line = text.count("\n", 0, sequence.start(1)) + 1
    check_size(path, line, (to_float(sequence[1], path, line), to_float(sequence[2], path, line)), video)
    lines = text.split("\n")
    at, found = line, []
    while at < len(lines):
        if lines[at].lstrip().startswith("pointTrack"):
            track, at = _read_track(path, lines, at)
            found.append(track)
        else:
            at += 1
    return tracks_from_keys(path, video, CONVENTION, found)


def _read_track(path: Path, lines: Sequence[str], at: int) -> tuple[ReadTrack, int]:
    """The track that begins on line `at`, counted from 0, and the line behind it."""
    name = _TRACK.fullmatch(lines[at])
    if name is None or lines[at + 1 : at + 2] == [] or lines[at + 1].strip() != "{":
        raise bad_line(path, at + 1, "expected pointTrack, a name in quotes and { on the next line")
    start = end = at + 2
    while end < len(lines) and lines[end].strip() != "}":
        end += 1
    if end == len(lines):
        raise bad_line(path, end, f"the file ends within track {name[1]!r}")
    numbers = [number for number in range(start, end) if lines[number].strip()]
    fields = [lines[number].split(None, 3) for number in numbers]
    track, _ = track_of_rows(path, name[1], [row[:3] for row in fields], [number + 1 for number in numbers])
    qualities = [_quality(row) for row in fields]
    known = [n for n, quality in enumerate(qualities) if quality]
    if known:
        confidence = np.full(len(fields), np.nan)
        texts = [[qualities[n]] for n in known]
        confidence[known] = number_table(path, texts, [numbers[n] + 1 for n in known], 1)[:, 0]
        track.confidence = confidence.tolist()
    return track, end + 1


def _quality(row: Sequence[str]) -> str:
    """The number in p+( ) or p*( ), "" where the row has none."""
    rest = row[3] if len(row) > 3 else ""
    return rest[3:].partition(")")[0].strip() if rest.startswith(("p+(", "p*(")) else ""


class _Handler(ContentHandler):
    """Collects tracks of an `.rzml` as its elements come by."""

    def __init__(self, path: Path, video: VideoFacts) -> None:
        super().__init__()
        self.path, self.video = path, video
        self.names: dict[str, str] = {}
        self.tracks: dict[str, ReadTrack] = {}
        self.shots = 0
        self.frame = 0
        self.root = ""

    @property
    def line(self) -> int:
        """Where the parser is."""
        return int(self._locator.getLineNumber())  # type: ignore[attr-defined]

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        """One element; those that say nothing of 2D tracks are passed over."""
        if not self.root:
            self.root = name
            if name != "RZML":
                raise bad_line(self.path, self.line, f"this is XML, but not of MatchMover: it begins with <{name}>")
        elif name == "L":
            self.names[attrs.get("i", "")] = attrs.get("n", "")
        elif name == "SHOT":
            self._shot(attrs)
        elif name == "IFRM":
            self.frame = to_frame(attrs.get("t", "0"), self.path, self.line)
        elif name == "M":
            self._marker(attrs)

    def _shot(self, attrs: AttributesImpl) -> None:
        self.shots += 1
        if self.shots > 1:
            raise bad_line(self.path, self.line, "there is more than one sequence; export them one by one")
        width, height = (to_float(attrs.get(key, ""), self.path, self.line) for key in ("w", "h"))
        check_size(self.path, self.line, (width, height), self.video)

    def _marker(self, attrs: AttributesImpl) -> None:
        number = attrs.get("i", "")
        track = self.tracks.setdefault(number, ReadTrack(self.names.get(number, "")))
        x, y = (to_float(attrs.get(key, ""), self.path, self.line) for key in ("x", "y"))
        track.add(self.frame, x, y, self.line)
        quality = attrs.get("cs")
        track.confidence.append(np.nan if quality is None else to_float(quality, self.path, self.line))


def read_rzml(path: Path, video: VideoFacts) -> TrackFile:
    """Read `.rzml` of one sequence.

    Raises:
        InputError: not such a file, one with entities, for pictures of another size, or bad; names the line.
    """
    handler = _Handler(path, video)
    parser = make_parser()
    parser.setContentHandler(handler)
    try:
        with path.open("rb") as file:
            parser.parse(file)
    except InputError:  # what the handler found; it is a ValueError too
        raise
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be read'}") from error
    except DefusedXmlException as error:
        raise InputError(f"{path}: this XML defines entities, which no tracks need; it is refused") from error
    except SAXParseException as error:
        raise bad_line(path, error.getLineNumber() or 1, f"this is not whole XML: {error.getMessage()}") from error
    except (SAXException, ValueError, LookupError) as error:
        raise InputError(f"{path}: this is not whole XML: {error}") from error
    return tracks_from_keys(path, video, XML_CONVENTION, list(handler.tracks.values()))


register(
    Format(
        name="matchmover",
        title="MatchMover",
        suffix=".rz2",
        audience="vfx",
        convention=CONVENTION,
        carries="positions on the frames where a point is visible, confidence as quality (not of a track's first key), "
        "names, the plate's size, path and frames",
        loses="hidden frames (gaps), approval, groups; names keep letters, digits, _ and blanks",
        write=write_matchmover,
        read=read_matchmover,
        rounding=5e-4,
        hidden=("gap", "linear"),
    )
)
register(
    Format(
        name="matchmover-rzml",
        title="MatchMover RZML",
        suffix=".rzml",
        audience="vfx",
        convention=XML_CONVENTION,
        carries="positions on the frames where a point is visible, confidence as quality, names",
        loses="hidden frames (gaps), approval, groups",
        read=read_rzml,
    )
)
