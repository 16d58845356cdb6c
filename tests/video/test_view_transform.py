import re
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.video.clips import make_clip
from tests.video.plates import light, write_codes, write_exr
from tracker.files import InputError
from tracker.video import ViewTransform, open_source
from tracker.video.ocio import ocio_choices
from tracker.video.view_transform import VIEW_KINDS

needs_ocio = pytest.mark.skipif(find_spec("PyOpenColorIO") is None, reason="OpenColorIO is not installed")


def shown(view: ViewTransform, value: float) -> int:
    return int(view.apply(np.full((1, 1, 3), value, np.float32))[0, 0, 0])


def codes(*values: int) -> NDArray[np.uint16]:
    return np.array([[[value] * 3 for value in values]], np.uint16)


def test_scene_linear_light_gets_the_srgb_curve():
    view = ViewTransform("srgb")
    # IEC 61966-2-1: middle grey of 18 % is 118, a linear start of slope 12.92.
    assert [shown(view, value) for value in (0, 0.001, 0.18, 0.5, 1, 7, -1)] == [0, 3, 118, 188, 255, 255, 0]
    assert shown(ViewTransform("srgb", exposure=1), 0.09) == 118
    assert shown(ViewTransform("srgb", exposure=-2), 0.72) == 118


def test_gamma_comes_after_the_curve():
    assert shown(ViewTransform("srgb", gamma=2), 0.18) == round(255 * (117.6 / 255) ** 0.5)
    assert shown(ViewTransform(gamma=0.5), 0.5) == 64


def test_densities():
    """Kodak's codes: 95 is black, 685 white, 445 the grey of a grey card."""
    view = ViewTransform("log")
    coded = codes(0, 95, 445, 685, 1023).astype(float) * 65535 / 1023
    black, base, grey, white, above = view.apply(np.rint(coded).astype(np.uint16))[0, :, 0].tolist()
    assert (black, base, white, above) == (0, 0, 255, 255)
    # (10^((445 − 685) · 0.002 / 0.6) − 10^((95 − 685) · 0.002 / 0.6)) / (1 − …) = 0.149 of white.
    assert abs(grey - 108) <= 1


def test_as_stored():
    every: NDArray[np.uint8] = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    assert np.array_equal(ViewTransform().apply(every), every)
    wide = every.astype(np.uint16) * 257
    assert np.array_equal(ViewTransform().apply(wide), every)
    assert np.array_equal(ViewTransform().apply(every.astype(np.float32) / np.float32(255)), every)


@pytest.mark.parametrize("kind", ["display", "srgb", "log"])
@given(values=st.lists(st.floats(0, 1), min_size=2, max_size=9), stops=st.floats(-4, 4), gamma=st.floats(0.2, 4))
@settings(max_examples=15, deadline=None)
def test_brighter_stays_brighter(kind, values, stops, gamma):
    view = ViewTransform(kind, stops, gamma)
    floats = np.sort(np.array(values, np.float32))[None, :, None].repeat(3, 2)
    seen = view.apply(floats)[0, :, 0].astype(int)
    assert (np.diff(seen) >= 0).all()
    brighter = ViewTransform(kind, stops + 0.5, gamma).apply(floats)[0, :, 0].astype(int)
    assert (brighter >= seen).all()


@given(
    view=st.builds(
        ViewTransform,
        st.sampled_from(VIEW_KINDS),
        st.floats(-20, 20),
        st.floats(0.1, 10),
        *[st.text(max_size=8)] * 4,
    )
)
@settings(max_examples=25)
def test_text(view):
    again = ViewTransform.from_json(view.to_json())
    assert again == view
    assert again.key == view.key


def test_keys_tell_looks_apart():
    views = [ViewTransform(), ViewTransform("srgb"), ViewTransform("srgb", 0.5), ViewTransform("srgb", 0.5, 1.1)]
    assert len({view.key for view in views}) == 4


@pytest.mark.parametrize("text", ["", "[]", '{"kind": "sepia"}', '{"gamma": 0}', '{"exposure": NaN}', '{"who": 1}'])
def test_nonsense(text):
    with pytest.raises(InputError, match="view transform"):
        ViewTransform.from_json(text)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".dpx"])
def test_pictures_of_more_than_8_bits(suffix, tmp_path):
    """The 16 bits reach the transform: four stops up, neighbouring 8-bit steps are 16 apart in between."""
    ramp = np.linspace(0, 4095, 64).astype(np.uint16)[None, :, None].repeat(3, 2).repeat(4, 0)
    path = write_codes(tmp_path / f"a.0001{suffix}", ramp, transfer=2 if suffix == ".dpx" else None)
    with open_source(path, view=ViewTransform("srgb", exposure=4)) as source:
        values = source.frame(0)[0, :, 0]
    assert len(np.unique(values)) > 50
    assert values[-1] >= 253
    with open_source(path, "bgra") as source:
        assert source.view == ViewTransform()
        assert source.frame(0)[0, -1].tolist() == [16, 16, 16, 255]


@pytest.mark.parametrize(("transfer", "kind"), [(1, "log"), (3, "log"), (2, "display"), (0, "display"), (6, "display")])
def test_the_header_of_a_dpx_says_whether_it_holds_densities(transfer, kind, tmp_path):
    path = write_codes(tmp_path / "a.dpx", codes(*[685 * 64] * 8), transfer=transfer)
    with open_source(path) as source:
        assert source.view.kind == kind
        assert source.frame(0)[0, 0, 0] == (255 if kind == "log" else 171)


def test_the_kind_of_file_decides_unless_somebody_does(tmp_path):
    path = write_exr(tmp_path / "a.exr", {"RGB": light()})
    with open_source(path) as source, open_source(path, view=ViewTransform("srgb")) as same:
        assert source.view == ViewTransform("srgb")
        assert np.array_equal(source.frame(0), same.frame(0))
    with open_source(path, "bgra", view=ViewTransform(exposure=0)) as source:
        assert source.frame(0)[0, 10].tolist() == [round(255 * 10 / 64), 0, 255, 255]


def test_a_video_takes_exposure_and_gamma(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 3, 64, 48)
    with open_source(clip) as plain, open_source(clip, "bgra", view=ViewTransform(exposure=1, gamma=1.2)) as seen:
        picture = plain.frame(1)
        expected = ViewTransform(exposure=1, gamma=1.2).apply(picture)
        assert np.array_equal(seen.frame(1)[..., 2::-1], expected)
        assert (seen.frame(1)[..., 3] == 255).all()
        assert expected.mean() > picture.mean()
        backwards = [*seen.frames(2, -1, -1)]
        assert np.array_equal(backwards[1], seen.frame(1))


@needs_ocio
def test_a_configuration_of_opencolorio():
    config = "ocio://cg-config-v1.0.0_aces-v1.3_ocio-v2.1"
    choices = ocio_choices(config)
    assert choices.colour_space == "ACEScg"
    assert "sRGB - Display" in choices.displays
    raw = ViewTransform("ocio", config=config, colour_space="Raw", view="Raw")
    assert shown(raw, 0.5) == 128
    view = ViewTransform("ocio", config=config, colour_space="ACEScg", display="sRGB - Display")
    greys = [shown(view, 0.18), shown(ViewTransform(**{**vars(view), "exposure": 1.0}), 0.09)]
    assert 90 < greys[0] < 130  # the ACES tone curve shows middle grey at about 0.42
    assert abs(greys[0] - greys[1]) <= 1
    assert shown(ViewTransform(**{**vars(view), "gamma": 2.0}), 0.18) > greys[0] + 30


@needs_ocio
@pytest.mark.parametrize("text", ["", "not a configuration", "ocio_profile_version: 2\n"])
def test_a_configuration_that_is_none(text, tmp_path):
    path = tmp_path / "config.ocio"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(str(path)) + ": not a usable OpenColorIO configuration"):
        shown(ViewTransform("ocio", config=str(path)), 0.5)


@needs_ocio
@pytest.mark.parametrize("wrong", [{"view": "no"}, {"display": "no"}, {"colour_space": "no"}])
def test_names_that_a_configuration_lacks(wrong):
    with pytest.raises(InputError, match="this view cannot be made"):
        shown(ViewTransform("ocio", config="ocio://default", **wrong), 0.5)


def test_a_configuration_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"none\.ocio: "):
        shown(ViewTransform("ocio", config=str(tmp_path / "none.ocio")), 0.5)


def test_without_opencolorio(monkeypatch):
    monkeypatch.setattr("tracker.video.ocio.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"OpenColorIO is not installed; install trackwright\[colour\]"):
        shown(ViewTransform("ocio", config="ocio://default", colour_space="only here"), 0.5)
