"""Data sets by the words of the command line."""

from pathlib import Path

from tracker.evaluation.labelled import EvaluationDataset
from tracker.evaluation.npz_folder import NpzFolder
from tracker.evaluation.tapvid_pickles import TapvidPickles
from tracker.files import InputError

KINDS = "tapvid:PATH, npz:FOLDER or dynamic-replica:FOLDER"


def open_dataset(text: str) -> EvaluationDataset:
    """A data set from one of `KINDS`.

    Raises:
        InputError: of another kind, or there is nothing to read.
    """
    kind, _, place = text.partition(":")
    path = Path(place).expanduser()
    if place and kind == "npz":
        return NpzFolder(path)
    if place and kind == "tapvid":
        return TapvidPickles(path)
    if place and kind == "dynamic-replica":
        from tracker.evaluation.dynamic_replica import DynamicReplica

        return DynamicReplica(path)
    raise InputError(f"{text}: say of what kind the data set is, as {KINDS}")
