"""Labels of several people on the same pictures are matched and compared."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet, open_set
from train.agreement import agreements, cohen_kappa
from train.data_cli import app
from train.sets import describe

Row = tuple[int, float, float, float, float]
Write = Callable[..., DetectionSet]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes the labels one person gave the pictures p0, p1, ..."""

    def write_set(
        name: str, pictures: Sequence[Sequence[Row]], labelled: tuple[str, ...] = ("carton", "barcode", "qr")
    ) -> DetectionSet:
        folder = tmp_path / name
        for kind in ("images", "labels"):
            (folder / kind / "train").mkdir(parents=True)
        for index, rows in enumerate(pictures):
            cv2.imwrite(str(folder / "images" / "train" / f"p{index}.png"), np.zeros((8, 8, 3), np.uint8))
            text = "".join(" ".join(str(value) for value in row) + "\n" for row in rows)
            (folder / "labels" / "train" / f"p{index}.txt").write_text(text, encoding="utf-8")
        describe(folder, name=name, licence="CC0-1.0", source="made by a test", labelled=labelled)
        return open_set(folder)

    return write_set


BOX = (0.3, 0.3, 0.2, 0.2)
FAR = (0.7, 0.7, 0.2, 0.2)


def test_the_same_labels_agree_fully(write: Write):
    rows = [[(0, *BOX), (1, *FAR)], []]
    (one,) = agreements([write("a", rows), write("b", rows)])
    assert (one.pictures, one.matched, one.disagreements) == (2, 2, ())
    assert one.mean_iou == pytest.approx(1)
    assert one.kappa == 1
    assert [entry.f1 for entry in one.classes] == [1, 1, None]


def test_each_kind_of_disagreement_is_told_with_its_place(write: Write):
    first = write("a", [[(0, *BOX), (0, *FAR)], [(0, *BOX)], [(0, *BOX)]])
    second = write("b", [[(0, *BOX)], [(1, *BOX)], [(0, 0.34, 0.3, 0.2, 0.2), (2, *FAR)]])
    (one,) = agreements([first, second])
    told = [(entry.picture, entry.kind, entry.first, entry.second) for entry in one.disagreements]
    assert told == [
        ("p0", "only-first", "carton", None),
        ("p1", "other-class", "carton", "barcode"),
        ("p2", "other-extent", "carton", "carton"),
        ("p2", "only-second", None, "qr"),
    ]
    assert one.disagreements[2].iou == pytest.approx(0.16 / 0.24)
    assert one.disagreements[3].cxcywh == FAR
    # Cartons: four and two boxes, of which two are the same.
    assert one.classes[0].f1 == pytest.approx(2 * 2 / (4 + 2))


def test_each_box_is_matched_once_with_the_one_that_fits_best(write: Write):
    near = (0.32, 0.3, 0.2, 0.2)
    (one,) = agreements([write("a", [[(0, *near), (0, *BOX)]]), write("b", [[(0, *BOX)]])])
    assert one.matched == 1
    assert one.mean_iou == pytest.approx(1)
    assert [entry.cxcywh for entry in one.disagreements] == [near]


def test_kappa_is_agreement_beyond_chance():
    # Cohen's own sum: seen 0.7, by chance 0.5.
    pairs = [("a", "a")] * 20 + [("a", "b")] * 5 + [("b", "a")] * 10 + [("b", "b")] * 15
    assert cohen_kappa(pairs) == pytest.approx(0.4)
    assert cohen_kappa([("a", "a")] * 9) is None
    assert cohen_kappa([]) is None


def test_only_classes_that_both_label_are_compared(write: Write):
    (one,) = agreements([write("a", [[(0, *BOX), (1, *FAR)]]), write("b", [[(0, *BOX)]], ("carton",))])
    assert [entry.name for entry in one.classes] == ["carton"]
    assert one.disagreements == ()


def test_several_people_are_compared_two_by_two(write: Write):
    sets = [write(name, [[(0, *BOX)]]) for name in ("a", "b", "c")]
    assert [(Path(one.first).name, Path(one.second).name) for one in agreements(sets)] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]


@pytest.mark.parametrize(("labelled", "said"), [(("qr",), "no class that both label"), (("carton",), "no picture")])
def test_sets_with_nothing_in_common_are_refused(write: Write, labelled: tuple[str, ...], said: str):
    second = write("b", [[]], labelled)
    if labelled == ("carton",):
        second.pictures("train")[0].rename(second.pictures("train")[0].with_name("other.png"))
    with pytest.raises(EdgekitError, match=said):
        agreements([write("a", [[(0, *BOX)]], ("carton",)), second])


def test_one_set_alone_is_refused(write: Write):
    with pytest.raises(EdgekitError, match="between two sets or more"):
        agreements([write("a", [[]])])


def test_the_command_tells_all_as_json(write: Write, tmp_path: Path):
    write("a", [[(0, *BOX)]])
    write("b", [[(1, *BOX)]])
    ran = CliRunner().invoke(app, ["agree", str(tmp_path / "a"), str(tmp_path / "b"), "--json"])
    assert ran.exit_code == 0, ran.output
    (told,) = json.loads(ran.stdout)
    assert told["disagreements"][0]["kind"] == "other-class"
    shown = CliRunner().invoke(app, ["agree", str(tmp_path / "a"), str(tmp_path / "b")])
    assert "p0: carton, or barcode" in shown.stdout
