"""Each opening of a test part is on record before a picture of it is scored; nothing else ever reads it."""

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

from devices.errors import EdgekitError
from edge.evaluate.dataset import TEST, DetectionSet, open_set
from edge.evaluate.openings import OPENINGS, count_openings, record_opening

AT = datetime(2026, 11, 23, 8, 30, tzinfo=timezone.utc)
DIGEST = "a" * 64


@pytest.fixture
def opened(tmp_path: Path) -> DetectionSet:
    for part in ("images", "labels"):
        (tmp_path / part / "test").mkdir(parents=True)
    for name in ("a", "b"):
        (tmp_path / "images" / "test" / f"{name}.png").touch()
        (tmp_path / "labels" / "test" / f"{name}.txt").touch()
    description = {"name": "kept", "licence": "CC0-1.0", "source": "made by a test", "classes": ["carton"]}
    described = {**description, "labelled": ["carton"], "pictures": 2, "digest": "b" * 64}
    (tmp_path / "dataset.json").write_text(json.dumps(described), encoding="utf-8")
    return open_set(tmp_path)


def record(opened: DetectionSet, bundle: str) -> int:
    return record_opening(opened.folder, opened.description.digest, len(opened.pictures(TEST)), bundle, DIGEST, AT)


def test_an_opening_is_told_with_its_time_model_and_pictures(opened: DetectionSet):
    assert count_openings(opened.folder) == 0
    assert record(opened, "first") == 1
    (line,) = (opened.folder / OPENINGS).read_text("utf-8").splitlines()
    assert json.loads(line) == {
        "schema": "edgekit.test-opening/1",
        "at": "2026-11-23T08:30:00Z",
        "bundle": "first",
        "bundle_digest": DIGEST,
        "set_digest": "b" * 64,
        "pictures": 2,
    }


def test_openings_are_added_and_none_is_ever_replaced(opened: DetectionSet):
    record(opened, "first")
    before = (opened.folder / OPENINGS).read_bytes()
    assert record(opened, "second") == 2
    assert (opened.folder / OPENINGS).read_bytes().startswith(before)


def test_a_line_that_a_crash_cut_off_counts_and_swallows_no_other(opened: DetectionSet):
    record(opened, "first")
    path = opened.folder / OPENINGS
    path.write_bytes(path.read_bytes()[:-20])
    assert record(opened, "second") == 2
    assert json.loads(path.read_text("utf-8").splitlines()[1])["bundle"] == "second"


def test_what_cannot_be_written_down_is_not_opened(opened: DetectionSet):
    (opened.folder / OPENINGS).mkdir()
    with pytest.raises(EdgekitError, match="opened only where that can be written down"):
        record(opened, "first")
