"""A set says what it labels, under which licence, and what its bytes are; a fault in it is named with its place."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet, open_set
from edge.evaluate.labels import label_rows, read_labels
from train.sets import describe, digest_of, get_known

MakeSet = Callable[..., DetectionSet]


@pytest.fixture
def download(tmp_path: Path) -> Path:
    """Return a folder as the public set lies in it: one ArTe-Lab picture and one of no stated licence."""
    origin = tmp_path / "data" / "barcode-qr"
    for split in ("train", "val"):
        (origin / "images" / split).mkdir(parents=True)
        (origin / "labels" / split).mkdir(parents=True)
        for name in ("Foto(1)", "monitor"):
            cv2.imwrite(str(origin / "images" / split / f"{name}.png"), np.zeros((32, 32, 3), np.uint8))
            (origin / "labels" / split / f"{name}.txt").write_text("1 0.5 0.5 0.2 0.2\n", encoding="utf-8")
    return tmp_path / "data"


def test_a_known_set_is_copied_with_its_classes_translated(download: Path, tmp_path: Path):
    opened = get_known("barcode-qr", download, tmp_path / "codes")
    assert opened.labelled_ids == {1, 2}
    assert opened.description.pictures == 4
    rows = list(label_rows(opened.label_file(opened.pictures("train")[0]), 3))
    assert rows == [(2, (0.5, 0.5, 0.2, 0.2))]


def test_pictures_without_a_stated_licence_are_left_out_of_the_licensed_set(download: Path, tmp_path: Path):
    opened = get_known("arte-lab-1d", download, tmp_path / "arte")
    assert [path.stem for path in opened.pictures("train")] == ["Foto(1)"]
    assert opened.description.licence == "CC-BY-3.0"


def test_the_same_bytes_give_the_same_digest_and_one_changed_label_another(download: Path, tmp_path: Path):
    first = get_known("barcode-qr", download, tmp_path / "one")
    second = get_known("barcode-qr", download, tmp_path / "two")
    assert first.description.digest == second.description.digest
    label = second.label_file(second.pictures("val")[0])
    label.write_text("2 0.5 0.5 0.2 0.3\n", encoding="utf-8")
    assert digest_of(second.folder) != first.description.digest


def test_a_bad_label_in_the_download_leaves_no_set_behind(download: Path, tmp_path: Path):
    (download / "barcode-qr" / "labels" / "val" / "monitor.txt").write_text("7 0.5 0.5 0.2 0.2\n", encoding="utf-8")
    with pytest.raises(EdgekitError, match=r"monitor\.txt, line 1: class 7 does not exist"):
        get_known("barcode-qr", download, tmp_path / "codes")
    assert not (tmp_path / "codes").exists()


@pytest.mark.parametrize(
    ("name", "said"), [("nonsense", "there is no known set 'nonsense'"), ("warehouse-boxes", "does not hold the set")]
)
def test_a_set_that_cannot_be_had_is_named(download: Path, tmp_path: Path, name: str, said: str):
    with pytest.raises(EdgekitError, match=said):
        get_known(name, download, tmp_path / "out")


def test_an_existing_folder_is_not_written_into(download: Path, tmp_path: Path):
    (tmp_path / "codes").mkdir()
    with pytest.raises(EdgekitError, match="exists: remove it or choose another folder"):
        get_known("barcode-qr", download, tmp_path / "codes")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("1 0.5 0.5 0.2", "a label is `class x y width height`"),
        ("x 0.5 0.5 0.2 0.2", "class x does not exist"),
        ("3 0.5 0.5 0.2 0.2", "class 3 does not exist, the set has classes 0 to 2"),
        ("1 0.95 0.5 0.2 0.2", "shares of the picture"),
        ("1 0.1 0.1 0.2 0.2 0.3", "three corners or more"),
        ("1 0.1 0.1 0.2 0.2 0.1 1.2", "shares of the picture"),
        ("1 1.5 0.5 0.2 0.2", "shares of the picture"),
        ("1 0.5 0.5 0 0.2", "shares of the picture"),
        ("1 0.5 nan 0.2 0.2", "shares of the picture"),
        ("1 0.1 0.1 nan 0.1 0.5 0.5", "shares of the picture"),
        ("1 0.1 0.1 0.5 0.1 0.5 nan", "shares of the picture"),
        ("1 0.1 0.1 0.5 inf 0.5 0.5", "shares of the picture"),
    ],
)
def test_a_bad_label_row_is_named_with_its_line(tmp_path: Path, row: str, said: str):
    path = tmp_path / "label.txt"
    path.write_text(f"0 0.5 0.5 0.1 0.1\n{row}\n", encoding="utf-8")
    with pytest.raises(EdgekitError, match="line 2") as caught:
        list(label_rows(path, 3))
    assert said in str(caught.value)


def test_a_description_with_an_unknown_key_is_refused(make_set: MakeSet):
    opened = make_set("a", ("carton",), 0, pictures=1)
    path = opened.folder / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "lable": 1}), encoding="utf-8")
    with pytest.raises(EdgekitError, match="unknown key lable"):
        open_set(opened.folder)


def test_an_empty_folder_is_no_set(tmp_path: Path):
    with pytest.raises(EdgekitError, match="cannot be read as the record of a detection set"):
        open_set(tmp_path)


@pytest.mark.parametrize("name", ["../outside", "a/b", "a, b #", ".hidden", ""])
def test_a_name_that_would_lead_out_of_a_runs_folder_is_refused(make_set: MakeSet, name: str):
    opened = make_set("cartons", ("carton",), 0)
    path = opened.folder / "dataset.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "name": name}), encoding="utf-8")
    with pytest.raises(EdgekitError, match="name: letters, digits"):
        open_set(opened.folder)


def test_an_outline_gives_its_corners_and_the_box_around_them(tmp_path: Path):
    path = tmp_path / "label.txt"
    path.write_text("2 0.1 0.2 0.5 0.2 0.3 0.6\n", encoding="utf-8")
    (label,) = read_labels(path, 3)
    assert label.polygon == ((0.1, 0.2), (0.5, 0.2), (0.3, 0.6))
    assert label.cxcywh == pytest.approx((0.3, 0.4, 0.4, 0.4))


def test_a_missing_label_file_is_a_fault_and_an_empty_one_declares_background(make_set: MakeSet):
    opened = make_set("a", ("carton",), 0, pictures=2)
    label = opened.label_file(opened.pictures("train")[0])
    label.write_text("", encoding="utf-8")
    assert list(label_rows(label, 3)) == []
    label.unlink()
    with pytest.raises(EdgekitError, match="declare it background by an empty file"):
        list(label_rows(label, 3))


def test_labels_without_a_picture_are_told_on_opening(make_set: MakeSet, caplog: pytest.LogCaptureFixture):
    opened = make_set("a", ("carton",), 0, pictures=2)
    opened.pictures("train")[0].unlink()
    open_set(opened.folder)
    assert "1 label files without a picture" in caplog.text


def test_a_label_without_its_picture_leaves_no_set_behind(download: Path, tmp_path: Path):
    (download / "barcode-qr" / "images" / "val" / "monitor.png").unlink()
    with pytest.raises(EdgekitError, match=r"monitor\.txt has no picture"):
        get_known("barcode-qr", download, tmp_path / "codes")
    assert not (tmp_path / "codes").exists()


def test_two_pictures_that_would_share_labels_are_refused(make_set: MakeSet):
    opened = make_set("a", ("carton",), 0, pictures=2)
    picture = opened.pictures("train")[0]
    picture.with_suffix(".bmp").write_bytes(picture.read_bytes())
    with pytest.raises(EdgekitError, match="would share one label file"):
        open_set(opened.folder)


def test_a_class_named_twice_is_refused(make_set: MakeSet):
    opened = make_set("a", ("carton",), 0, pictures=2)
    path = opened.folder / "dataset.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "classes": ["carton", "carton"]}), encoding="utf-8")
    with pytest.raises(EdgekitError, match="carton stands there more than once"):
        open_set(opened.folder)


def test_only_pictures_that_a_set_shows_are_counted(make_set: MakeSet):
    opened = make_set("a", ("carton",), 0, pictures=2)
    below = opened.folder / "images" / "train" / "old"
    below.mkdir()
    (below / "x.png").write_bytes(b"not looked at")
    describe(opened.folder, name="a", licence="CC0-1.0", source="made by a test", labelled=("carton",))
    assert open_set(opened.folder).description.pictures == 4
