"""The track table, the formats that read or write it, one small file each, and what an export or import does."""

from tracker.labels.exchange import Exported, SelfCheckError, export_tracks, first_key, guess_formats, import_tracks
from tracker.labels.formats import ExportOptions, Format, Frames, VideoFacts, Written, find_format, formats, register
from tracker.labels.manifest import Model, Provenance
from tracker.labels.native import TrackFile, read_tracks, write_tracks
from tracker.labels.plate import Plate
from tracker.labels.points_csv import NamedPoints, read_points_csv
from tracker.labels.selection import Selection
from tracker.labels.table import Cells, Source, State, TrackInfo, TrackTable

__all__ = [
    "Cells",
    "ExportOptions",
    "Exported",
    "Format",
    "Frames",
    "Model",
    "NamedPoints",
    "Plate",
    "Provenance",
    "Selection",
    "SelfCheckError",
    "Source",
    "State",
    "TrackFile",
    "TrackInfo",
    "TrackTable",
    "VideoFacts",
    "Written",
    "export_tracks",
    "find_format",
    "first_key",
    "formats",
    "guess_formats",
    "import_tracks",
    "read_points_csv",
    "read_tracks",
    "register",
    "write_tracks",
]
