"""The track table, and one small file per format that reads or writes it."""

from tracker.labels import cotracker_folder, long_csv, tapvid
from tracker.labels.formats import (
    ExportOptions,
    Format,
    Frames,
    VideoFacts,
    Written,
    export_tracks,
    find_format,
    formats,
    register,
)
from tracker.labels.native import TrackFile, read_tracks, write_tracks
from tracker.labels.points_csv import NamedPoints, read_points_csv
from tracker.labels.table import Cells, Source, State, TrackInfo, TrackTable

__all__ = [
    "Cells",
    "ExportOptions",
    "Format",
    "Frames",
    "NamedPoints",
    "Source",
    "State",
    "TrackFile",
    "TrackInfo",
    "TrackTable",
    "VideoFacts",
    "Written",
    "cotracker_folder",
    "export_tracks",
    "find_format",
    "formats",
    "long_csv",
    "read_points_csv",
    "read_tracks",
    "register",
    "tapvid",
    "write_tracks",
]
