"""A CoTracker2 that is small enough to run in milliseconds."""

import torch

from tracker.models.cotracker2 import CoTracker2, CoTracker2Config


def small_cotracker2(window: int = 8) -> CoTracker2:
    """With random weights that make points move by about a pixel."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = CoTracker2(
            CoTracker2Config(
                window=window,
                resolution=(64, 96),
                encoder_channels=(8, 8, 12, 12),
                feature_channels=16,
                radius=1,
                width=48,
                depth=2,
                heads=4,
                mlp_ratio=2,
                virtual_tracks=6,
                iterations=2,
            )
        )
        for name, weights in model.updateformer.named_parameters():
            if name.endswith("head.weight"):
                torch.nn.init.normal_(weights, std=0.03)
        # The highest waves would make rounding errors grow from iteration to iteration.
        torch.nn.init.normal_(model.updateformer.input_transform.weight[:, 2:130], std=1e-3)
    return model.eval()
