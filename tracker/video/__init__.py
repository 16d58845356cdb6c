"""Frame-accurate reading of videos and picture sequences, and writing of previews. Knows nothing of torch."""

from tracker.video.cache import FrameCache, prefetch_order
from tracker.video.picture import PixelFormat
from tracker.video.reader import VideoReader
from tracker.video.sequence import ImageSequence, present_frame
from tracker.video.source import FrameSource, content_hash, open_source
from tracker.video.view_transform import ViewTransform, default_view
from tracker.video.writer import VideoWriter

__all__ = [
    "FrameCache",
    "FrameSource",
    "ImageSequence",
    "PixelFormat",
    "VideoReader",
    "VideoWriter",
    "ViewTransform",
    "content_hash",
    "default_view",
    "open_source",
    "prefetch_order",
    "present_frame",
]
