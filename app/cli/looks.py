"""How the pictures of a video are seen: what `--view`, `--exposure` and `--gamma` mean."""

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from tracker.files import InputError

if TYPE_CHECKING:
    from tracker.video import FrameSource
    from tracker.video.view_transform import ViewKind

NAMED = ("display", "srgb", "log")


def look_through(source: "FrameSource", view: str | None, exposure: float, gamma: float) -> None:
    """See an open video this way; what is not said stays as the kind of file suggests.

    Args:
        view: "display", "srgb", "log", or an OpenColorIO configuration, with its own choices of space and display.

    Raises:
        InputError: there is no such view, or a number is out of its range.
    """
    from tracker.video import ViewTransform

    if view is None:
        chosen = source.view
    elif view in NAMED:
        chosen = ViewTransform(cast("ViewKind", view))
    elif view.startswith("ocio://") or view.endswith((".ocio", ".ocioz")):
        chosen = ViewTransform("ocio", config=view)
    else:
        raise InputError(f"--view {view}: neither {', '.join(NAMED)} nor an OpenColorIO configuration")
    source.view = replace(chosen, exposure=exposure, gamma=gamma)


def missing_note(source: "FrameSource") -> str:
    """What to say of frames that a sequence lacks; empty where it lacks none."""
    if not source.missing:
        return ""
    count = len(source.missing)
    numbers = ", ".join(str(index + source.first_frame_number) for index in source.missing[:5])
    more = ", …" if count > 5 else ""
    return f"{count} missing frame{'s' if count > 1 else ''} left unlabelled ({numbers}{more})"
