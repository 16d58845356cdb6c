"""Mocha's exports are told apart and handed on."""

from pathlib import Path

import numpy as np
import pytest

from tests.labels.vfx.test_after_effects import ONE, saved, text
from tests.labels.vfx.test_nuke_corner_pin import the_quad
from tests.labels.vfx.test_nuke_tracker import VFX, needs_examples, the_truth, video
from tracker.files import InputError
from tracker.labels import ExportOptions, export_tracks, import_tracks


@needs_examples
@pytest.mark.parametrize("example", ["ae_corner_pin.txt", "ae_cc_power_pin.txt", "nuke_cornerpin2d.nk"])
def test_pins_of_the_examples(example: str) -> None:
    back = import_tracks(VFX / "examples" / example, "mocha", video(3))
    np.testing.assert_allclose(back.xy[np.argsort(back.xy[:, 0].sum(axis=1))], the_quad()[[0, 3, 1, 2]], atol=1e-3)


@needs_examples
@pytest.mark.parametrize(("example", "n"), [("ae_position_pt_A.txt", 1), ("nuke_tracker4.nk", 2)])
def test_points_of_the_examples(example: str, n: int) -> None:
    back = import_tracks(VFX / "examples" / example, "mocha", video(6))
    np.testing.assert_allclose(back.xy, the_truth().xy[:n], atol=1e-3)


def test_version_6_with_the_layer_beside_it(tmp_path: Path) -> None:
    """A Transform export has more than the position."""
    scale = "Transform\tScale\n\tFrame\tX percent\tY percent\tZ percent\t\n\t0\t100\t100\t100\t\n"
    back = import_tracks(saved(tmp_path, text(scale, ONE, version="6.0")), "mocha", video(9, 1001, (20, 12)))
    assert (list(back.names), np.isfinite(back.xy).all(axis=2).sum()) == (["nose"], 2)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (text("Masks\tMask #1\tMask Shape\n\tFrame\t\n\t0\tx\t\n"), "these are shapes"),
        (text("Effects\tmocha shape #1\tmocha shape-0001\n\tFrame\t\n\t0\tx\t\n"), "these are shapes"),
        ("set cut_paste_input [stack 0]\nversion 13.2 v1\nRoto {\n curves {}\n}\n", "these are shapes"),
        ("a,b\n1,2\n", "this is no tracking data of Mocha"),
        (text(ONE, rate="25"), "line 3: the keys count 25 frames"),
    ],
)
def test_what_is_refused(content: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"nose\.txt: {reason}"):
        import_tracks(saved(tmp_path, content), "mocha", video(9, 1001, (20, 12)))


@needs_examples
def test_nothing_is_written_as_mocha(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can only be imported"):
        export_tracks(the_truth(), tmp_path / "t.txt", "mocha", ExportOptions())
