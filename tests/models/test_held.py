"""Positions that are held inside the refinement."""

import numpy as np
import torch

from tests.small_models import small_model
from tracker.models.estimate import Estimate, first_guess
from tracker.models.held import Held


def refine_with(held_places: dict[int, tuple[float, float]] | None, share: float = 0.0) -> Estimate:
    model = small_model(resolution=(32, 48))
    torch.manual_seed(0)
    pyramid = model.pyramid(torch.nn.functional.normalize(torch.randn(1, 16, 8, 12, 16), dim=-1))
    points = torch.tensor([[[4.0, 3.0]]])
    templates = model.templates(pyramid, torch.zeros(1, 1, dtype=torch.long), points)
    guess = first_guess(points, 16)
    held = None
    if held_places is not None:
        known, coords = torch.zeros(1, 1, 16, dtype=torch.bool), torch.zeros(1, 1, 16, 2)
        for frame, place in held_places.items():
            known[0, 0, frame], coords[0, 0, frame] = True, torch.tensor(place)
        others = model.templates(pyramid, torch.full((1, 1), 15), torch.tensor([[[7.0, 4.0]]]))
        held = Held(known, coords, others, torch.full((1, 1, 16), share))
    with torch.inference_mode():
        return model.refine(pyramid, templates, guess, held=held)[-1]


def test_held_positions_come_out_as_they_went_in_and_move_the_others() -> None:
    free, held = refine_with(None), refine_with({0: (4.0, 3.0), 15: (9.0, 5.0)})
    np.testing.assert_array_equal(held.coords[0, 0, 0], [4.0, 3.0])
    np.testing.assert_array_equal(held.coords[0, 0, 15], [9.0, 5.0])
    assert (held.coords - free.coords)[0, 0, 1:15].abs().max() > 0.01, "the ends are seen by the frames between"


def test_nothing_held_and_no_share_of_the_other_end_is_as_without() -> None:
    free, held = refine_with(None), refine_with({}, share=0.0)
    for one, other in zip(free, held, strict=True):
        torch.testing.assert_close(one, other)


def test_the_other_ends_template_counts_by_its_share() -> None:
    one, other = refine_with({}, share=0.0), refine_with({}, share=1.0)
    assert (one.coords - other.coords).abs().max() > 0.01
