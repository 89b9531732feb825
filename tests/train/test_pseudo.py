"""A teacher labels what nobody has, as far as it is sure; what people have labelled stays as it is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet, open_set
from edge.evaluate.labels import label_rows
from edge.model.detections import Detections
from train.data_cli import app
from train.gates import Gates
from train.pseudo import Labelling, label_set
from train.take import take_pictures
from train.teachers import Teacher, bundle_teacher, run_teacher

MakeSet = Callable[..., DetectionSet]
CLASSES = ("carton", "barcode", "qr")


def teacher(*rows: tuple[int, float], classes: tuple[str, ...] = CLASSES) -> Teacher:
    """Return a teacher that finds the same on each picture: classes with scores, side by side."""

    def detect(image: NDArray[np.uint8]) -> Detections:
        del image
        boxes = [(8 * index, 8, 8 * index + 6, 24) for index in range(len(rows))]
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array([score for _, score in rows], np.float32),
            np.array([class_id for class_id, _ in rows], np.int32),
        )

    return Teacher("fake", "ab" * 32, classes, detect, at_once=2)


@pytest.fixture
def partly(make_set: MakeSet) -> DetectionSet:
    """Return a set of eight training pictures of which three lost their labels."""
    opened = make_set("cartons", ("carton",), 0)
    for picture in opened.pictures("train")[:3]:
        opened.label_file(picture).unlink()
    return opened


def labels_of(opened: DetectionSet, split: str = "train") -> dict[str, str]:
    return {path.stem: opened.label_file(path).read_text("utf-8") for path in opened.pictures(split)}


def test_only_pictures_without_labels_are_labelled_and_each_label_says_who_gave_it(
    partly: DetectionSet, tmp_path: Path
):
    before = labels_of(partly, "val")
    kept = {path.stem: partly.label_file(path).read_text("utf-8") for path in partly.pictures("train")[3:]}
    done = label_set(partly, tmp_path / "out", teacher((0, 0.9), (0, 0.7), (0, 0.1), (1, 0.99)), Gates())
    assert done == Labelling(5, 3, 0, 0, 0, 0, {"carton": 6})
    written = open_set(tmp_path / "out")
    assert labels_of(written).items() >= kept.items()
    assert labels_of(written, "val") == before
    rows = list(label_rows(written.label_file(written.pictures("train")[0]), 3))
    assert rows == [(0, pytest.approx((3 / 64, 0.25, 6 / 64, 0.25))), (0, pytest.approx((11 / 64, 0.25, 6 / 64, 0.25)))]
    lines = [json.loads(line) for line in (tmp_path / "out" / "pseudo.jsonl").read_text("utf-8").splitlines()]
    assert [line["score"] for line in lines] == [0.9, 0.7] * 3
    assert {(line["name"], line["teacher"]) for line in lines} == {("carton", "ab" * 32)}
    assert {line["picture"] for line in lines} == {f"images/train/cartons-{index}.png" for index in range(3)}


def test_a_picture_that_the_teacher_doubts_is_left_out_and_not_declared_background(
    partly: DetectionSet, tmp_path: Path
):
    done = label_set(partly, tmp_path / "doubtful", teacher((0, 0.4)), Gates())
    assert (done.doubtful, done.labelled, done.background) == (3, 0, 0)
    assert len(open_set(tmp_path / "doubtful").pictures("train")) == 5
    empty = label_set(partly, tmp_path / "empty", teacher(), Gates())
    assert (empty.doubtful, empty.background) == (0, 3)
    written = open_set(tmp_path / "empty")
    assert [written.label_file(path).read_bytes() for path in written.pictures("train")[:3]] == [b""] * 3


def test_a_few_doubts_among_many_labels_are_borne(partly: DetectionSet, tmp_path: Path):
    found = teacher((0, 0.9), (0, 0.9), (0, 0.9), (0, 0.4))
    assert label_set(partly, tmp_path / "borne", found, Gates(most_doubts=0.25)).labelled == 3
    assert label_set(partly, tmp_path / "refused", found, Gates(most_doubts=0.24)).labelled == 0


def test_each_class_may_have_its_own_gate(make_set: MakeSet, tmp_path: Path):
    opened = make_set("cartons", ("carton",), 0)
    gates = Gates.read(["0.8", "qr=0.5"], 0.2, 1.0)
    done = label_set(opened, tmp_path / "out", teacher((1, 0.7), (2, 0.7)), gates, added=("barcode", "qr"))
    assert done.labels == {"qr": 8}


def test_classes_that_a_set_does_not_label_are_added_beside_its_own_and_val_stays_peoples(
    make_set: MakeSet, tmp_path: Path
):
    opened = make_set("cartons", ("carton",), 0)
    before = labels_of(opened)
    done = label_set(opened, tmp_path / "out", teacher((0, 0.9), (1, 0.9)), Gates(), added=("barcode",))
    written = open_set(tmp_path / "out")
    assert written.description.labelled == ("carton", "barcode")
    for name, text in labels_of(written).items():
        assert text.splitlines()[0] == before[name].strip()
        assert [line.split()[0] for line in text.splitlines()] == ["0", "1"]
    assert written.pictures("val") == []
    assert done.labels == {"barcode": 8}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"added": ("nonsense",)}, "has no class nonsense"),
        ({"added": ("carton",)}, "labels carton itself"),
        ({"gates": Gates(by_class={"qr": 0.7})}, "a gate for qr, which is not labelled"),
    ],
)
def test_what_cannot_be_labelled_is_refused(partly: DetectionSet, tmp_path: Path, changes: dict[str, Any], said: str):
    arguments: dict[str, Any] = {"gates": Gates(), **changes}
    with pytest.raises(EdgekitError, match=said):
        label_set(partly, tmp_path / "out", teacher((0, 0.9)), **arguments)
    assert list(tmp_path.glob("*out*")) == []


def test_a_teacher_that_does_not_know_a_labelled_class_is_refused(partly: DetectionSet, tmp_path: Path):
    with pytest.raises(EdgekitError, match="knows barcode, qr, but not carton"):
        label_set(partly, tmp_path / "out", teacher((0, 0.9), classes=("barcode", "qr")), Gates())


def test_a_set_in_which_nothing_is_left_to_label_is_refused(make_set: MakeSet, tmp_path: Path):
    with pytest.raises(EdgekitError, match="have labels: name classes to add"):
        label_set(make_set("full", ("carton",), 0), tmp_path / "out", teacher((0, 0.9)), Gates())


@pytest.mark.parametrize("texts", [["0.2"], ["carton=2"], ["carton=x"], [""]])
def test_gates_that_make_no_sense_are_refused(texts: list[str]):
    with pytest.raises(EdgekitError, match="gate"):
        Gates.read(texts, 0.3, 0.5)


def test_a_picture_that_cannot_be_read_is_refused_or_left_out_and_counted(partly: DetectionSet, tmp_path: Path):
    partly.pictures("train")[0].write_bytes(b"no picture")
    with pytest.raises(EdgekitError, match=r"cartons-0\.png cannot be read as a picture; mend it, or .*--skip-bad"):
        label_set(partly, tmp_path / "out", teacher((0, 0.9)), Gates())
    assert not (tmp_path / "out").exists()
    done = label_set(partly, tmp_path / "out", teacher((0, 0.9)), Gates(), skip_bad=True)
    assert (done.bad, done.labelled) == (1, 2)


def test_the_review_sheet_shows_the_least_sure_picture_first_and_needs_nothing_else(make_set: MakeSet, tmp_path: Path):
    opened = make_set("cartons", ("carton",), 0, pictures=3)
    pictures = opened.pictures("train")
    for index, picture in enumerate(pictures):
        opened.label_file(picture).unlink()
        cv2.imwrite(str(picture), np.full((64, 64, 3), 20 * index, np.uint8))

    def detect(image: NDArray[np.uint8]) -> Detections:
        score = {0: 0.9, 20: 0.7, 40: 0.8}[int(image[0, 0, 0])]
        return Detections(np.array([[4, 4, 30, 30]], np.float32), np.array([score], np.float32), np.zeros(1, np.int32))

    label_set(opened, tmp_path / "out", Teacher("fake", "ab" * 32, CLASSES, detect), Gates())
    page = (tmp_path / "out" / "review.html").read_text("utf-8")
    assert page.index("cartons-1.png") < page.index("cartons-2.png") < page.index("cartons-0.png")
    assert page.count("data:image/jpeg;base64,") == 3
    assert "http" not in page


def test_the_rest_of_a_set_is_labelled_by_a_signed_bundle(
    make_set: MakeSet, make_bundle: Callable[..., Any], tmp_path: Path
):
    opened = make_set("cartons", ("carton",), 0)
    take_pictures(opened, tmp_path / "few", 2, 0, tmp_path / "rest")
    bundle = make_bundle()
    options = ["--bundle", str(bundle.folder), "--trusted-key", str(bundle.public)]
    words = ["label", str(tmp_path / "rest"), str(tmp_path / "out"), "--class", "carton", "--json", "--score", "0.7"]
    ran = CliRunner().invoke(app, [*words, *options])
    assert ran.exit_code == 0, ran.output
    # The bundle's model scores the brightest value of a picture, 200 of 255.
    assert json.loads(ran.stdout)["labels"] == {"carton": 6}
    written = open_set(tmp_path / "out")
    assert written.description.labelled == ("carton",)
    digest = bundle_teacher(bundle.folder, [bundle.public], 0.2).digest
    assert digest in (tmp_path / "out" / "pseudo.jsonl").read_text("utf-8")


def test_a_folder_that_is_no_training_is_no_teacher(tmp_path: Path):
    with pytest.raises(EdgekitError, match="cannot be read as the record of a training run"):
        run_teacher(tmp_path, 0.3)
