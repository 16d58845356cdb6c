"""Colours of expected errors: two kinds of colour that part at the threshold, safe for colour-blind eyes."""

import numpy as np
from numpy.typing import NDArray

LEVELS = 8  # on either side of the threshold
UNKNOWN = 2 * LEVELS  # the row of errors that nobody has worked out
BEYOND = 4.0  # times the threshold: here the ramp ends

# Okabe and Ito's blues turn paler towards the threshold, their orange and vermilion darker beyond it.
FINE = np.array([(40, 120, 200), (140, 205, 245)])
POOR = np.array([(255, 205, 60), (235, 110, 0), (190, 30, 60)])
GREY = (150, 150, 150)


def colours() -> NDArray[np.uint8]:
    """(2 × LEVELS + 1, 3) uint8 red, green, blue: from none up to the threshold, beyond it, and unknown."""
    fine = np.array([np.interp(np.linspace(0, 1, LEVELS), [0, 1], FINE[:, k]) for k in range(3)]).T
    poor = np.array([np.interp(np.linspace(0, 1, LEVELS), [0, 0.5, 1], POOR[:, k]) for k in range(3)]).T
    return np.vstack([fine, poor, [GREY]]).round().astype(np.uint8)


def levels(errors: NDArray[np.float32], threshold: float) -> NDArray[np.uint8]:
    """The row of `colours` for each error in pixels; even steps up to the threshold, even ratios beyond it."""
    share = np.nan_to_num(errors / max(threshold, 1e-6), nan=0.0)
    beyond = LEVELS + LEVELS * np.log(np.maximum(share, 1.0)) / np.log(BEYOND)
    rows = np.where(share <= 1, np.minimum(share * LEVELS, LEVELS - 1), np.minimum(beyond, UNKNOWN - 1))
    rows[np.isnan(errors)] = UNKNOWN
    return rows.astype(np.uint8)
