"""`trackwright bench agreement`: that the options arrive, and that labels are made as a labelling job makes them."""

import json
from pathlib import Path
from typing import Any

import pytest

import app.cli.bench_agreement
from tests.cli.commandline import refusal, run
from tests.evaluation.made import npz_folder

BENCH = ("bench", "agreement", "--teachers", "lucas-kanade, lucas-kanade")


def test_agreement_measures_data_sets_and_made_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = npz_folder(tmp_path / "truth")
    counts: list[int] = []

    def made(count: int) -> Any:
        counts.append(count)
        return iter(())

    monkeypatch.setattr(app.cli.bench_agreement, "made_clips", made)
    command = (*BENCH, "--dataset", f"npz:{folder}", "--synthetic", 3, "--frames", 5)
    result = run(*command, "--json")
    assert result.stderr == "measuring: drift with lucas-kanade\n" * 2
    found = json.loads(result.stdout)
    assert found["clips"] == [{"group": "real", "video": "drift", "cells": 3 * 4, "bad": 0.0}]
    assert found["groups"]["real"]["doubt"] == {"mean": None, "pooled": None}
    assert "| drift | 12 | 0.0 |" in run(*command).stdout
    assert counts == [3, 3]


def test_agreement_refuses_what_cannot_be(tmp_path: Path) -> None:
    assert "to disagree takes two" in refusal("bench", "agreement", "--teachers", "lucas-kanade")
    assert "no clip with a visible point" in refusal(*BENCH, "--synthetic", 0)
    assert "there is no such tracker" in refusal("bench", "agreement", "--teachers", "lucas-kanade,oracle")
