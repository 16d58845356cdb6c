"""Clips with burnt-in frame numbers, made with PyAV: the number is written as large black and white blocks that survive
any codec, so that a test reads back which frame it was really given.

The picture is a grid of 4 rows and 5 columns. The corners tell the orientation (only the top left one is white), the 16
blocks between them hold the frame number as bits, the lowest first.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

ROWS, COLUMNS = 4, 5
CORNERS = (0, COLUMNS - 1, (ROWS - 1) * COLUMNS, ROWS * COLUMNS - 1)
BITS = [block for block in range(ROWS * COLUMNS) if block not in CORNERS]
BLACK, WHITE = 24, 232


def code_picture(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """The RGB picture (height, width, 3) uint8 of frame `number` (0 to 65535)."""
    blocks = np.full(ROWS * COLUMNS, BLACK, np.uint8)
    blocks[CORNERS[0]] = WHITE
    for bit, block in enumerate(BITS):
        if number >> bit & 1:
            blocks[block] = WHITE
    rows = np.arange(height) * ROWS // height
    columns = np.arange(width) * COLUMNS // width
    grey = blocks.reshape(ROWS, COLUMNS)[rows[:, None], columns[None, :]]
    return np.repeat(grey[:, :, None], 3, axis=2)


def read_code(frame: NDArray[np.uint8]) -> int:
    """The number in a picture (H, W, 3 or 4) uint8.

    Raises:
        ValueError: the picture is not upright, or a block is neither black nor white.
    """
    height, width = frame.shape[:2]
    means = np.empty(ROWS * COLUMNS)
    for block in range(ROWS * COLUMNS):
        row, column = divmod(block, COLUMNS)
        y, x = (2 * row + 1) * height // (2 * ROWS), (2 * column + 1) * width // (2 * COLUMNS)
        dy, dx = max(1, height // (6 * ROWS)), max(1, width // (6 * COLUMNS))
        means[block] = frame[y - dy : y + dy + 1, x - dx : x + dx + 1, :3].mean()
    if np.any(np.abs(means - 128) < 40):
        raise ValueError(f"blocks that are neither black nor white: {means.round().tolist()}")
    white = means > 128
    if [bool(white[corner]) for corner in CORNERS] != [True, False, False, False]:
        raise ValueError("the picture is not upright")
    return sum(1 << bit for bit, block in enumerate(BITS) if white[block])


def make_clip(
    path: str | Path,
    frames: int = 50,
    width: int = 320,
    height: int = 180,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    fps: Fraction | int = 25,
    gop: int = 12,
    bframes: int = 3,
    open_gop: bool = False,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    rotation: int = 0,
    noise: int = 0,
    audio: bool = False,
    options: Mapping[str, str] | None = None,
    mux_options: Mapping[str, str] | None = None,
) -> Path:
    """Writes a clip whose frame k shows the code k, counted from 0 in presentation order.

    Args:
        path: the container is chosen by the suffix.
        width, height: of the stored pictures, pixels.
        pts: one presentation time per frame in units of `time_base`, ascending; default 0, 1, 2 … in 1/fps.
            In MP4 and MOV times below 0 become hidden frames behind an edit list.
        rotation: degrees counter-clockwise in the display matrix. The stored pictures are turned the other way, so that
            they are upright when shown right.
        noise: amplitude of grey noise that gives the encoder work to do, 0 to 40.
        audio: adds a silent sound track.
        options, mux_options: further options of the encoder and of the muxer.
    """
    path = Path(path)
    turns = rotation // 90 % 4
    with av.open(str(path), "w", options=dict(mux_options or {})) as container:
        stream = container.add_stream(codec, rate=Fraction(fps), options=_encoder_options(codec, open_gop, options))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        context = stream.codec_context
        context.gop_size, context.max_b_frames, context.thread_count = gop, bframes, 1
        context.time_base = time_base or 1 / Fraction(fps)
        if rotation:
            stream.set_display_rotation(rotation)
        if audio:
            _write_silence(container, Fraction(frames) / Fraction(fps))
        random = np.random.default_rng(7)
        shown = (height, width) if turns % 2 == 0 else (width, height)
        for number in range(frames):
            picture = code_picture(number, shown[1], shown[0])
            if noise:
                grain = random.integers(-noise, noise + 1, (*shown, 1), dtype=np.int16)
                picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(picture, -turns)), "rgb24")
            frame.pts = number if pts is None else pts[number]
            frame.time_base = context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _encoder_options(codec: str, open_gop: bool, extra: Mapping[str, str] | None) -> dict[str, str]:
    options: dict[str, str] = {}
    if codec == "libx264":
        # Scene cuts would put key frames where the test does not want them.
        options = {"preset": "veryfast", "crf": "20", "x264-params": f"scenecut=0:open-gop={int(open_gop)}"}
    elif codec == "libx265":
        options = {"preset": "ultrafast", "x265-params": f"scenecut=0:open-gop={int(open_gop)}:log-level=none:pools=1"}
    return {**options, **(extra or {})}


def _write_silence(container: av.container.OutputContainer, seconds: Fraction) -> None:
    stream = container.add_stream("aac", rate=44100, layout="mono")
    samples = 1024
    for start in range(0, int(seconds * 44100), samples):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, samples), np.float32), "fltp", "mono")
        frame.rate, frame.pts = 44100, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def make_pictures(folder: str | Path, numbers: Sequence[int], pattern: str = "frame_{:04d}.png", **size: int) -> Path:
    """Writes one picture per frame number into `folder` (made when missing); picture number n shows the code n.

    Args:
        pattern: file name with a place for the number; its suffix chooses the format (png, jpg, tif, exr, dpx).
        size: `width` and `height` in pixels, 160 × 96 unless given.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        picture = code_picture(number, size.get("width", 160), size.get("height", 96))
        write_picture(folder / pattern.format(number), picture)
    return folder


def write_picture(path: Path, rgb: NDArray[np.uint8]) -> None:
    """Writes an RGB picture (H, W, 3) uint8 in the format of the suffix: png, jpg, tif, exr (linear light) or dpx."""
    codec, pix_fmt = {
        ".png": ("png", "rgb24"),
        ".jpg": ("mjpeg", "yuvj420p"),
        ".jpeg": ("mjpeg", "yuvj420p"),
        ".tif": ("tiff", "rgb24"),
        ".tiff": ("tiff", "rgb24"),
        ".exr": ("exr", "gbrpf32le"),
        ".dpx": ("dpx", "rgb24"),
    }[path.suffix.lower()]
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.height, context.width = rgb.shape[:2]
    context.pix_fmt, context.time_base = pix_fmt, Fraction(1, 25)
    if codec == "exr":
        linear = np.where(rgb <= 10, rgb / 255 / 12.92, ((rgb / 255 + 0.055) / 1.055) ** 2.4).astype(np.float32)
        frame = av.VideoFrame.from_ndarray(linear, "gbrpf32le")
    else:
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format=pix_fmt)
    frame.pts = 0
    path.write_bytes(b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)]))
