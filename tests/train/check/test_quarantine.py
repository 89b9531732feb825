"""A fix moves what is affected beside the set, deletes nothing, and says what it cannot mend."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from devices.errors import EdgekitError
from edge.evaluate.dataset import open_set
from train.check.doctor import examine, open_for_check
from train.check.limits import CheckLimits
from train.check.quarantine import Fixed, take_out
from train.locks import QUARANTINE
from train.sets import digest_of


def fix(planted: Any, *only: str) -> Fixed:
    examination = examine(open_for_check(planted.folder), CheckLimits())
    return take_out(examination.only(only) if only else examination)


def plant_many(planted: Any) -> None:
    """Plant one fault of each kind that can be taken out."""
    planted.add("train", "zz-again.jpg", planted.scene(3), "")
    planted.add("val", "leak.jpg", planted.scene(5), "")
    planted.add("val", "no-picture.jpg", planted.scene(60)).unlink()
    planted.add("train", "cut.jpg", planted.scene(61)).write_bytes(b"\xff\xd8 no more")
    planted.label(planted.add("train", "bare.jpg", planted.scene(62))).unlink()
    planted.add("train", "wrong.jpg", planted.scene(63), "9 0.5 0.5 0.1 0.1\n")
    planted.add("val", "twin.jpg", planted.scene(64))
    planted.add("val", "twin.png", planted.scene(65))
    planted.add("val", "dark.jpg", (planted.scene(66) * 0.2).astype("uint8"))


def test_after_a_fix_nothing_is_found_and_every_byte_is_still_there(planted: Any):
    plant_many(planted)
    before = Counter(path.read_bytes() for path in planted.folder.glob("*/*/*"))
    fixed = fix(planted)
    assert fixed.left.findings == ()
    assert examine(open_for_check(planted.folder), CheckLimits()).report.findings == ()
    kept = [path for path in planted.folder.rglob("*.*") if path.parent.name in ("train", "val")]
    assert Counter(path.read_bytes() for path in kept) == before
    assert {Path(move.file).name for move in fixed.moves} == {
        *("zz-again.jpg", "zz-again.txt", "train-5.jpg", "train-5.txt", "no-picture.txt", "cut.jpg", "cut.txt"),
        *("bare.jpg", "wrong.jpg", "wrong.txt", "twin.jpg", "twin.png", "twin.txt", "dark.jpg", "dark.txt"),
    }


def test_what_was_moved_keeps_its_path_and_the_record_says_why(planted: Any):
    planted.add("val", "leak.jpg", planted.scene(5))
    moves = fix(planted).moves
    assert [(move.file, move.to, move.kinds) for move in moves] == [
        ("images/train/train-5.jpg", "quarantine/images/train/train-5.jpg", ("leak",)),
        ("labels/train/train-5.txt", "quarantine/labels/train/train-5.txt", ("leak",)),
    ]
    lines = (planted.folder / QUARANTINE / "moved.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["to"] for line in lines] == [move.to for move in moves]


def test_a_set_is_described_anew_without_what_was_moved(planted: Any):
    planted.add("val", "leak.jpg", planted.scene(5))
    fix(planted)
    description = open_set(planted.folder).description
    assert (description.pictures, description.digest) == (9, digest_of(planted.folder))
    assert (description.name, description.classes) == ("planted", ("carton", "barcode", "qr"))


def test_a_second_fix_does_not_overwrite_what_the_first_one_moved(planted: Any):
    for content in (b"first", b"second"):
        planted.add("train", "same-name.jpg", planted.scene(50)).write_bytes(content)
        fix(planted)
    folder = planted.folder / QUARANTINE / "images" / "train"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "same-name.jpg": b"first",
        "same-name-2.jpg": b"second",
    }


def test_only_what_is_asked_for_is_moved(planted: Any):
    plant_many(planted)
    assert [move.file for move in fix(planted, "label-fault").moves] == [
        "images/train/wrong.jpg",
        "labels/train/wrong.txt",
    ]


def test_a_class_that_is_missing_after_the_fix_is_told(planted: Any):
    for name in sorted((planted.folder / "images" / "val").iterdir())[1:]:
        planted.label(name).write_text("9 0.5 0.5 0.1 0.1\n", encoding="utf-8")
    (planted.folder / "images" / "val" / "val-100.jpg").write_bytes(b"no picture")
    planted.add("val", "good.jpg", planted.scene(70), "0 0.5 0.5 0.1 0.1\n")
    left = fix(planted).left
    assert [finding.detail for finding in left.findings] == [
        "no barcode in val: it cannot be measured",
        "no qr in val: it cannot be measured",
    ]


def test_a_set_of_nothing_but_faults_is_left_as_it_is(planted: Any):
    for path in planted.folder.glob("images/*/*"):
        path.write_bytes(b"no picture")
    with pytest.raises(EdgekitError, match="no picture would be left"):
        fix(planted)
    assert not (planted.folder / QUARANTINE).exists()
