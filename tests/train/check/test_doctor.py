"""Every fault that is planted in a clean set is found, with its place, and nothing else is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.bundle import open_bundle
from edge.model.detector import load_detector
from train.check.doctor import examine, open_for_check
from train.check.findings import Finding
from train.check.limits import CheckLimits
from train.sets import describe

Picture = NDArray[np.uint8]
LIMITS = CheckLimits()


def findings(planted: Any) -> list[Finding]:
    """Describe the set as it is and examine it."""
    planted.describe()
    return list(examine(open_for_check(planted.folder), LIMITS).report.findings)


def the_one(planted: Any) -> Finding:
    """Return the only finding."""
    found = findings(planted)
    assert len(found) == 1, found
    return found[0]


def test_nothing_is_found_in_a_clean_set(planted: Any):
    examination = examine(open_for_check(planted.folder), LIMITS)
    assert examination.report.findings == ()
    assert [(part.split, part.pictures, part.labels) for part in examination.report.parts] == [
        ("train", 6, {"carton": 6, "barcode": 6, "qr": 6}),
        ("val", 3, {"carton": 3, "barcode": 3, "qr": 3}),
    ]


def blurred(picture: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 4), np.uint8)


def dark(picture: Picture) -> Picture:
    return (picture * 0.2).astype(np.uint8)


def bright(picture: Picture) -> Picture:
    return (200 + picture * 0.2).astype(np.uint8)


def blank(picture: Picture) -> Picture:
    noise = np.random.default_rng(0).normal(120, 1.5, picture.shape)
    return noise.astype(np.uint8)


@pytest.mark.parametrize("spoil", [blurred, dark, bright, blank])
def test_a_picture_that_shows_too_little_is_found(planted: Any, spoil: Callable[[Picture], Picture]):
    planted.add("train", "spoilt.png", spoil(planted.scene(50)))
    found = the_one(planted)
    assert (found.kind, found.severity, found.pictures) == (spoil.__name__, "warning", ("images/train/spoilt.png",))
    assert found.take_out == found.pictures


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_picture_that_is_cut_off_is_found_though_its_rest_could_be_shown(planted: Any, suffix: str):
    path = planted.add("val", f"cut{suffix}", planted.scene(50))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    found = the_one(planted)
    assert (found.kind, found.severity, found.pictures) == ("unreadable", "error", (f"images/val/cut{suffix}",))


def test_a_file_that_is_no_picture_is_found(planted: Any):
    planted.add("val", "text.jpg", planted.scene(50)).write_text("no picture")
    assert the_one(planted).detail == "cannot be read as a picture"


def reencoded(picture: Picture) -> Picture:
    smaller = cv2.resize(picture, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.convertScaleAbs(smaller, alpha=0.85, beta=12), np.uint8)


def mirrored(picture: Picture) -> Picture:
    return np.ascontiguousarray(picture[:, ::-1])


def upside_down(picture: Picture) -> Picture:
    return np.ascontiguousarray(picture[::-1, ::-1])


def on_its_side(picture: Picture) -> Picture:
    return np.ascontiguousarray(np.rot90(picture))


def cut(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    return np.ascontiguousarray(picture[height // 14 : -height // 14, width // 14 : -width // 14])


def nudged(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 4, 1.05)
    turn[:, 2] += (width * 0.05, -height * 0.04)
    return np.asarray(cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


ALTERED = [reencoded, mirrored, upside_down, on_its_side, cut, nudged]


@pytest.mark.parametrize("alter", ALTERED)
def test_a_picture_that_comes_again_in_another_split_is_a_leak(planted: Any, alter: Callable[[Picture], Picture]):
    planted.add("val", "again.jpg", alter(planted.scene(3)), "")
    found = the_one(planted)
    assert (found.kind, found.severity) == ("leak", "error")
    assert found.pictures == ("images/val/again.jpg", "images/train/train-3.jpg")
    assert found.take_out == ("images/train/train-3.jpg",)  # what is measured on stays what it is


@pytest.mark.parametrize("alter", ALTERED[:-1])
def test_a_picture_that_comes_again_in_its_split_is_superfluous(planted: Any, alter: Callable[[Picture], Picture]):
    planted.add("train", "zz-again.png", alter(planted.scene(3)), "")
    found = the_one(planted)
    assert (found.kind, found.severity) == ("duplicate", "warning")
    assert found.pictures == ("images/train/train-3.jpg", "images/train/zz-again.png")
    assert found.take_out == ("images/train/zz-again.png",)


@pytest.mark.parametrize("by_camera", [False, True])
def test_a_random_split_of_real_pictures_leaks_under_any_names_and_one_by_camera_does_not(
    data_folder: Path, tmp_path: Path, *, by_camera: bool
):
    origin, folder = data_folder / "warehouse-boxes", tmp_path / "set"
    if not origin.is_dir():
        pytest.skip("EDGEKIT_DATA holds no warehouse-boxes")
    video, others = sorted(origin.glob("images/train/IMG_0263*.jpg")), sorted(origin.glob("images/val/*.jpg"))
    drawn = [*video[:100], *others[:20]]
    order = np.random.default_rng(0).permutation(len(drawn))
    in_val = {int(number) for number in (range(100, 120) if by_camera else order[:20])}
    for part in ("images/train", "images/val", "labels/train", "labels/val"):
        (folder / part).mkdir(parents=True)
    for name, number in enumerate(order):
        path, split = drawn[number], "val" if number in in_val else "train"
        shutil.copyfile(path, folder / "images" / split / f"{name}.jpg")
        shutil.copyfile(
            origin / "labels" / path.parent.name / f"{path.stem}.txt", folder / f"labels/{split}/{name}.txt"
        )
    describe(folder, name="shuffled", licence="CC-BY-4.0", source="a test", labelled=("carton",))
    leaks = examine(open_for_check(folder), LIMITS).report.of_kind("leak")
    leaking = {finding.pictures[0] for finding in leaks}
    assert all(path.startswith("images/val/") for path in leaking)
    of_video = sum(number < 100 for number in in_val)
    assert not leaking if by_camera else len(leaking) >= 0.9 * of_video > 10


def test_a_place_that_is_seen_from_elsewhere_in_another_split_is_told(planted: Any):
    wide = np.hstack([planted.scene(60), planted.scene(61)])
    planted.add("train", "left.png", np.ascontiguousarray(wide[:, 40:360]), "")
    planted.add("val", "right.png", np.ascontiguousarray(wide[:, 180:500]), "")
    found = the_one(planted)
    assert (found.kind, found.severity, found.take_out) == ("same-scene", "warning", ())
    assert found.pictures == ("images/val/right.png", "images/train/left.png")


def test_a_picture_without_labels_is_found_and_one_declared_background_is_not(planted: Any):
    planted.add("train", "background.jpg", planted.scene(50), "")
    planted.label(planted.add("train", "bare.jpg", planted.scene(51))).unlink()
    found = the_one(planted)
    assert (found.kind, found.severity, found.pictures) == ("no-label-file", "error", ("images/train/bare.jpg",))
    assert examine(open_for_check(planted.folder), LIMITS).report.parts[0].background == 1


def test_labels_without_a_picture_are_found(planted: Any):
    planted.first().unlink()
    found = the_one(planted)
    assert (found.kind, found.severity, found.pictures) == ("no-picture", "error", ("labels/train/train-0.txt",))


def test_pictures_that_would_share_a_label_file_are_found(planted: Any):
    assert cv2.imwrite(str(planted.first().with_suffix(".png")), planted.scene(50))
    found = [finding for finding in findings(planted) if finding.kind == "twins"]
    assert [finding.pictures for finding in found] == [("images/train/train-0.jpg", "images/train/train-0.png")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("0 0.95 0.5 0.2 0.2", "shares of the picture"),
        ("0 0.5 0.5 0 0.2", "with a size"),
        ("3 0.5 0.5 0.2 0.2", "class 3 does not exist"),
        ("-1 0.5 0.5 0.2 0.2", "class -1 does not exist"),
        ("0 0.5 0.5 0.2", "a label is `class x y width height`"),
        ("0 0.5 nan 0.2 0.2", "shares of the picture"),
    ],
)
def test_rows_that_are_no_label_are_all_told_with_file_and_line(planted: Any, row: str, said: str):
    label = planted.label(planted.first())
    label.write_text(f"{row}\n{planted.rows()}{row}\n", encoding="utf-8")
    found = findings(planted)
    assert {finding.kind for finding in found} == {"label-fault"}
    assert [finding.detail.partition(":")[0] for finding in found] == [
        "labels/train/train-0.txt, line 1",
        "labels/train/train-0.txt, line 5",
    ]
    assert all(said in finding.detail for finding in found)


def test_labels_that_are_no_text_are_found(planted: Any):
    planted.label(planted.first()).write_bytes(b"\xff\xfe0 0.5")
    assert "cannot be read as text" in the_one(planted).detail


def test_labels_too_small_to_be_meant_and_things_labelled_twice_are_found(planted: Any):
    label = planted.label(planted.first())
    label.write_text(planted.rows() + "0 0.9 0.5 0.01 0.2\n" + planted.rows().splitlines()[1] + "\n", encoding="utf-8")
    tiny, double = findings(planted)
    assert (tiny.kind, tiny.severity, tiny.pictures) == ("tiny-label", "warning", ("images/train/train-0.jpg",))
    assert tiny.detail == "a carton of 3.2 x 48.0 pixels at (286, 96, 290, 144)"
    assert (double.kind, double.severity, double.take_out) == ("double-label", "warning", ())
    assert double.detail == "two labels of one barcode at (140, 40, 240, 100)"


def test_one_thing_with_two_classes_is_found_on_another_background(planted: Any):
    other = planted.scene(50)
    other[150:210, 40:140] = planted.scene(2)[40:100, 140:240]  # the barcode of another picture, labelled as a qr
    labels = f"2 {90 / 320} {180 / 240} {100 / 320} {60 / 240}\n"
    planted.add("val", "other.png", other, planted.rows() + labels)
    found = the_one(planted)
    assert (found.kind, found.severity) == ("labelled-differently", "warning")
    assert found.pictures == ("images/train/train-2.jpg", "images/val/other.png")
    assert found.detail.startswith("barcode in one, qr in the other")


def test_a_class_that_a_split_lacks_is_found(planted: Any):
    for path in (planted.folder / "images" / "val").iterdir():
        planted.label(path).write_text("".join(planted.rows().splitlines(keepends=True)[:2]), encoding="utf-8")
    found = the_one(planted)
    assert (found.kind, found.severity, found.detail) == (
        "missing-class",
        "error",
        "no qr in val: it cannot be measured",
    )


def test_a_split_without_pictures_is_found(planted: Any):
    for path in (planted.folder / "images" / "val").iterdir():
        planted.label(path).unlink()
        path.unlink()
    assert the_one(planted).detail == "images/val holds no picture at all"


def test_a_class_with_far_fewer_labels_is_found(planted: Any):
    small = [f"0 {x / 20} {y / 20} 0.03 0.03\n" for x in range(1, 9) for y in range(1, 9)]
    planted.label(planted.first()).write_text("".join(small), encoding="utf-8")
    found = findings(planted)
    assert [(finding.kind, finding.severity) for finding in found] == [("imbalance", "warning")] * 2
    assert found[0].detail == "5 labels of barcode in train beside 69 of carton"


def test_a_description_of_other_files_is_found(planted: Any):
    planted.label(planted.first()).write_text(planted.rows() + "\n", encoding="utf-8")
    (found,) = examine(open_for_check(planted.folder), LIMITS).report.findings
    assert (found.kind, found.severity, found.pictures) == ("stale-description", "warning", ("dataset.json",))


def test_a_folder_without_pictures_is_no_set_to_check(planted: Any):
    for path in planted.folder.glob("images/*/*"):
        path.unlink()
    with pytest.raises(EdgekitError, match="holds no picture"):
        open_for_check(planted.folder)


def test_a_model_of_other_classes_is_not_asked(planted: Any, make_bundle: Any):
    made = make_bundle()
    described = json.loads((planted.folder / "dataset.json").read_text("utf-8"))
    swapped = {**described, "classes": ["carton", "qr", "barcode"]}
    (planted.folder / "dataset.json").write_text(json.dumps(swapped), encoding="utf-8")
    detector = load_detector(open_bundle(made.folder, [made.public]))
    with pytest.raises(EdgekitError, match="has the classes"):
        examine(open_for_check(planted.folder), LIMITS, detector)


def test_labels_that_a_model_contradicts_are_found_where_training_may_look(planted: Any, make_bundle: Any):
    made = make_bundle()  # takes whatever is bright for one carton in the middle, half as high as it is wide
    white = np.full((64, 64, 3), 255, np.uint8)
    (planted.folder / "images" / "test").mkdir()
    (planted.folder / "labels" / "test").mkdir()
    planted.add("train", "unlabelled.png", white, "")
    planted.add("val", "elsewhere.png", white, "0 0.1 0.1 0.1 0.1\n")
    planted.add("val", "taken-for.png", white, "2 0.5 0.5 0.5 0.25\n")
    planted.add("val", "right.png", white, "0 0.5 0.5 0.5 0.25\n")
    planted.add("test", "kept-apart.png", white, "")
    detector = load_detector(open_bundle(made.folder, [made.public]))
    report = examine(open_for_check(planted.folder), LIMITS, detector).report
    told: dict[str, list[str]] = {}
    for finding in report.of_kind("contradicted"):
        told.setdefault(Path(finding.pictures[0]).name, []).append(finding.detail.partition(",")[0])
    assert told["unlabelled.png"] == ["the model sees a carton that nobody labelled"]
    assert told["elsewhere.png"] == ["the model sees a carton that nobody labelled", "the model never sees this carton"]
    assert told["taken-for.png"] == ["the model takes this qr for a carton"]
    assert not {"right.png", "kept-apart.png"} & told.keys()
    assert all(finding.severity == "warning" and not finding.take_out for finding in report.of_kind("contradicted"))
