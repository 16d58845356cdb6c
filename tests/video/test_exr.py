from typing import Any

import av
import numpy as np
import OpenEXR
import pytest

from tests.video.plates import light, windows, write_exr, write_parts
from tracker.files import InputError
from tracker.video import open_source
from tracker.video.exr import read_exr

LIGHT = light()


@pytest.mark.parametrize("compression", ["NO", "RLE", "ZIP", "ZIPS", "PIZ", "PXR24", "B44", "DWAA", "DWAB"])
def test_compressions(compression, tmp_path):
    header = {"compression": getattr(OpenEXR, f"{compression}_COMPRESSION")}
    path = write_exr(tmp_path / "a.exr", {"RGB": LIGHT.astype(np.float16)}, **header)
    loss = 0.1 if compression in ("B44", "DWAA", "DWAB") else 0
    assert np.abs(read_exr(path).astype(np.float32) - LIGHT.astype(np.float16)).max() <= loss


def test_single_floats_become_half_ones(tmp_path):
    bright = LIGHT.copy()
    bright[0, 0] = 1e6
    bright[0, 1] = np.nan
    read = read_exr(write_exr(tmp_path / "a.exr", {"RGB": bright}))
    assert np.isinf(read[0, 0]).all()
    assert np.isnan(read[0, 1]).all()
    assert np.array_equal(read[1:], LIGHT[1:].astype(np.float16))
    with open_source(tmp_path / "a.exr") as source:
        assert source.frame(0)[0, :2].tolist() == [[255] * 3, [0] * 3]


def test_tiles(tmp_path):
    header: dict[str, Any] = {"type": OpenEXR.tiledimage, "tiles": OpenEXR.TileDescription()}
    OpenEXR.File(header, {"RGB": LIGHT}).write(str(tmp_path / "a.exr"))
    assert np.array_equal(read_exr(tmp_path / "a.exr"), LIGHT.astype(np.float16))


def test_a_data_window_within_the_display_window(tmp_path):
    header = windows((10, 8, 29, 15), (0, 0, 39, 23))
    path = write_exr(tmp_path / "a.exr", {"RGB": LIGHT[8:16, 10:30].copy()}, **header)
    expected = np.zeros_like(LIGHT)
    expected[8:16, 10:30] = LIGHT[8:16, 10:30]
    assert np.array_equal(read_exr(path), expected.astype(np.float16))
    with open_source(path) as source:
        assert (source.width, source.height) == (40, 24)


@pytest.mark.parametrize("origin", [(0, 0), (100, -50)])
def test_overscan_is_cut_off(origin, tmp_path):
    x, y = origin
    header = windows((x - 6, y - 4, x + 33, y + 19), (x, y, x + 29, y + 15))
    path = write_exr(tmp_path / "a.exr", {"RGB": LIGHT}, **header)
    assert np.array_equal(read_exr(path), LIGHT[4:20, 6:36].astype(np.float16))


def test_a_data_window_beside_the_display_window_is_black(tmp_path):
    header = windows((100, 100, 139, 123), (0, 0, 15, 7))
    assert not read_exr(write_exr(tmp_path / "a.exr", {"RGB": LIGHT}, **header)).any()


@pytest.mark.parametrize(
    "names", [("RGB",), ("depth", "RGB"), ("depth", "diffuse", "RGB"), ("Y", "RGB"), ("depth", "diffuse"), ("Y",)]
)
def test_the_part_that_is_the_picture(names, tmp_path):
    grey = LIGHT[..., 0].copy()
    other = np.full_like(grey, 9)
    made = {
        "RGB": {"RGB": LIGHT},
        "depth": {"Z": other},
        "Y": {"Y": grey if names == ("Y",) else other},
        "diffuse": {f"diffuse.{c}": other if "RGB" in names else LIGHT[..., k].copy() for k, c in enumerate("RGB")},
    }
    read = read_exr(write_parts(tmp_path / "a.exr", *[(name, made[name]) for name in names]))
    expected = np.repeat(LIGHT[..., :1], 3, axis=2) if names == ("Y",) else LIGHT
    assert np.array_equal(read, expected.astype(np.float16))


def test_layers_beside_the_picture_do_not_count(tmp_path):
    layers = {f"a.{colour}": np.zeros((24, 40), np.float32) for colour in "RGB"}
    colours = {colour: LIGHT[..., place].copy() for place, colour in enumerate("RGB")}
    path = write_exr(tmp_path / "a.exr", layers | colours | {"A": np.full((24, 40), 0.5, np.float32)})
    assert np.array_equal(read_exr(path), LIGHT.astype(np.float16))


def test_the_same_picture_as_ffmpeg_makes(tmp_path):
    path = write_exr(tmp_path / "a.exr", {"RGB": LIGHT.astype(np.float16)})
    context = av.CodecContext.create("exr", "r")
    assert isinstance(context, av.VideoCodecContext)
    context.options = {"apply_trc": "iec61966_2_1"}
    (frame,) = [*context.decode(av.Packet(path.read_bytes())), *context.decode(None)]
    with open_source(path) as source:
        difference = source.frame(0).astype(int) - frame.to_ndarray(format="rgb24")
    assert np.abs(difference).max() <= 1


def test_deep(tmp_path):
    samples = np.empty((4, 4), object)
    samples[:] = [[np.ones(2, np.float32) for _ in range(4)] for _ in range(4)]
    header = {"type": OpenEXR.deepscanline, "compression": OpenEXR.ZIPS_COMPRESSION}
    OpenEXR.File(header, {"R": samples, "Z": samples.copy()}).write(str(tmp_path / "a.exr"))
    with pytest.raises(InputError, match=r"a\.exr: this is a deep EXR; Trackwright reads flat images, flatten it"):
        open_source(tmp_path / "a.exr")


def test_text(tmp_path):
    (tmp_path / "a.exr").write_text("Dear compositor, this is not a picture.")
    with pytest.raises(InputError, match=r"a\.exr: not a PNG, JPEG, TIFF, EXR or DPX picture"):
        open_source(tmp_path / "a.exr")


def test_nothing_to_show(tmp_path):
    write_exr(tmp_path / "a.exr", {"Z": LIGHT[..., 0].copy()})
    with pytest.raises(InputError, match=r"a\.exr: the EXR has neither colours \(R, G, B\) nor brightness"):
        open_source(tmp_path / "a.exr")


@pytest.mark.parametrize("kept", [4, 60, 200, -200])
def test_cut_off(kept, tmp_path):
    path = write_exr(tmp_path / "a.exr", {"RGB": LIGHT}, compression=OpenEXR.ZIPS_COMPRESSION)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"a\.exr: the picture is damaged and cannot be decoded"):
        open_source(path)


def test_a_claim_that_no_memory_holds(tmp_path):
    path = write_exr(tmp_path / "a.exr", {"RGB": LIGHT})
    data = path.read_bytes()
    at = data.index(b"displayWindow\0box2i\0") + len(b"displayWindow\0box2i\0") + 4 + 8
    path.write_bytes(data[:at] + (60_000).to_bytes(4, "little") * 2 + data[at + 8 :])
    with pytest.raises(InputError, match=r"a\.exr: the EXR claims to be 60001 × 60001 pixels"):
        open_source(path)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.97])
def test_cut_off_where_the_picture_is_a_later_part(share, tmp_path):
    noise = np.random.default_rng(0).random(LIGHT.shape, np.float32)
    path = write_parts(tmp_path / "a.exr", ("depth", {"Z": noise[..., 0].copy()}), ("RGB", {"RGB": noise}))
    data = path.read_bytes()
    assert np.array_equal(read_exr(path), noise.astype(np.float16))
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=r"a\.exr: the picture is damaged and cannot be decoded"):
        read_exr(path)
