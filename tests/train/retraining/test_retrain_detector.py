"""A detector's challenger: what it learns, from which checkpoint, and what each class of each set won or lost."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet, open_set
from edge.evaluate.labels import label_rows
from edge.evaluate.measure import run_over_set
from edge.evaluate.openings import count_openings
from edge.model.assemble import assemble
from edge.model.bundle import Bundle, open_bundle
from edge.model.detector import load_detector
from edge.model.manifest import Thresholds
from edge.model.model_files import BundleParts
from edge.model.signature import create_key, load_private
from train import yolo_models as yolo
from train.detector import RunConfig, read_config, train_detector
from train.export import export_run
from train.retraining.contest import ClassContest, Contest
from train.retraining.detector_task import DetectorTask, counts_of
from train.retraining.grown_sets import grown_classes, write_grown
from train.retraining.retrain import Terms, retrain
from train.run_folders import BEST
from train.sets import describe
from train.settings import TrainSettings

Make = Callable[..., Any]
CLASSES = ("carton", "barcode", "qr")


@pytest.fixture(autouse=True)
def one_thread() -> Generator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def write_squares(
    folder: Path, classes: tuple[str, ...], labelled: tuple[str, ...], class_id: int, **counts: int
) -> DetectionSet:
    """Write a set of pictures, each with one bright square of a class."""
    rng = np.random.default_rng(class_id)
    for split, count in counts.items():
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for index in range(count):
            picture = rng.integers(0, 90, (64, 64, 3), dtype=np.uint8)
            picture[20:44, 16:48] = 220
            cv2.imwrite(str(folder / "images" / split / f"{folder.name}-{index}.png"), picture)
            text = f"{class_id} 0.5 0.5 0.5 0.375\n"
            (folder / "labels" / split / f"{folder.name}-{index}.txt").write_text(text, encoding="utf-8")
    told = {"name": folder.name, "licence": "CC0-1.0", "source": "made by a test"}
    describe(folder, **told, labelled=labelled, classes=classes)
    return open_set(folder)


@pytest.fixture
def make_squares(tmp_path: Path) -> Make:
    """Return `write_squares` below a folder of the test's own."""

    def make(
        name: str, classes: tuple[str, ...], labelled: tuple[str, ...], class_id: int, **counts: int
    ) -> DetectionSet:
        return write_squares(tmp_path / "sets" / name, classes, labelled, class_id, **counts)

    return make


def test_what_is_new_stands_behind_the_old_classes_and_has_to_be_named(make_squares: Make):
    new = make_squares("new", ("pallet", "carton"), ("pallet", "carton"), 0, train=1)
    assert grown_classes(CLASSES, [new], ["pallet"]) == (*CLASSES, "pallet")
    with pytest.raises(EdgekitError, match=r"does not know pallet.*--new-class pallet"):
        grown_classes(CLASSES, [new], [])
    with pytest.raises(EdgekitError, match="forklift is labelled in no added set"):
        grown_classes(CLASSES, [new], ["pallet", "forklift"])
    with pytest.raises(EdgekitError, match="labels nothing: label its pictures"):
        grown_classes(CLASSES, [make_squares("bare", CLASSES, (), 0, train=1)], [])


def test_a_set_under_more_classes_means_the_same_and_old_pictures_are_replayed_in_part(
    make_squares: Make, tmp_path: Path
):
    grown = (*CLASSES, "pallet")
    new = write_grown(
        make_squares("new", ("pallet", "carton"), ("pallet",), 0, train=2, val=1), grown, tmp_path / "a", replay=1.0
    )
    assert (new.description.classes, new.description.labelled) == (grown, ("pallet",))
    assert [next(iter(label_rows(new.label_file(one), 4)))[0] for one in new.pictures("train")] == [3, 3]
    old = make_squares("old", CLASSES, ("carton",), 0, train=10, val=2, test=3)
    written = [write_grown(old, grown, tmp_path / name, replay=0.3) for name in ("b", "c")]
    assert [len(written[0].pictures(part)) for part in ("train", "val", "test")] == [3, 2, 3]
    assert written[0].description == written[1].description, "a resumed retraining finds the very same pictures"
    assert [list(label_rows(written[0].label_file(one), 4)) for one in written[0].pictures("test")] == 3 * [
        [(0, (0.5, 0.5, 0.5, 0.375))]
    ]
    left_out = write_grown(  # its pallets are there but not labelled wherever they stand: they say nothing
        make_squares("part", ("pallet", "carton"), ("carton",), 0, train=1), CLASSES, tmp_path / "d", replay=1.0
    )
    assert [list(label_rows(left_out.label_file(one), 3)) for one in left_out.pictures("train")] == [[]]


def test_both_are_counted_at_the_boxs_threshold_and_what_is_told_too_often_is_a_loss_too(
    make_bundle: Make, make_squares: Make
):
    signed = make_bundle()
    detector = load_detector(open_bundle(signed.folder, [signed.public]))
    opened = make_squares("shelf", (*CLASSES, "pallet"), ("carton", "pallet"), 0, test=4)
    found = run_over_set(detector, opened, "test")
    silent = replace(
        found, pictures=tuple(replace(one, found=one.found.where(one.found.score > 2)) for one in found.pictures)
    )
    carton, pallet = counts_of(found, silent, opened.description.classes, len(CLASSES), 0.5)
    assert (carton.within, carton.value, carton.examples) == ("shelf", "carton", 4)
    assert (carton.champion, carton.challenger, carton.champion_false, carton.challenger_false) == (4, 0, 0, 0)
    assert carton.lost_recall == 100.0
    assert carton.lost_precision is None, "who says nothing says nothing wrong"
    assert (pallet.examples, pallet.champion) == (0, None)
    chatty = ClassContest(
        within="shelf", value="carton", examples=4, champion=4, challenger=4, champion_false=0, challenger_false=4
    )
    assert chatty.over(10.0) == ("carton 50.0 of precision",)
    assert "recall 100.0 -> 100.0, precision 100.0 -> 50.0" in chatty.told()


def sure_weights(path: Path) -> Path:
    """Write a checkpoint that finds all classes everywhere, and so is sure of whatever it is shown."""
    torch.manual_seed(0)
    model: Any = yolo.load(yolo.model_yaml("yolov8n", len(CLASSES), path.with_name("yolov8n.yaml"))).model
    model.names = dict(enumerate(CLASSES))
    with torch.no_grad():
        for branch in model.model[-1].cv3:
            branch[-1].bias.fill_(4.0)
    yolo.save_checkpoint(model.eval(), {}, path)
    return path


@dataclass(frozen=True)
class Champion:
    """A task with nothing added, of a champion that was really trained, exported with a margin and signed."""

    task: DetectorTask
    key: Ed25519PrivateKey
    public: Path


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> Champion:
    folder = tmp_path_factory.mktemp("champion")
    old = write_squares(folder / "old", CLASSES, ("carton",), 0, train=4, val=2, test=12)
    settings = TrainSettings.model_validate(
        {
            "weights": sure_weights(folder / "sure.pt"),
            "input_px": 64,
            "epochs": 1,
            "batch": 4,
            "plain_epochs": 0,
            "learning_rate": 1e-9,
        }
    )
    train_detector(settings, [old], folder / "run")
    export_run(folder / "run", folder / "export", margin=16)
    create_key(folder / "a.key", folder / "a.pub")
    key, picture = load_private(folder / "a.key"), old.pictures("test")[0]
    parts = BundleParts("belt", "1", 7, folder / "export", None, with_fp32=True, self_test=picture)
    bundle = assemble(parts, Thresholds(score=0.25, nms_iou=0.5), folder / "bundle", key)
    again = settings.model_copy(update={"weights": folder / "run" / BEST})
    return Champion(
        DetectorTask(bundle, read_config(folder / "run"), again, (old,), (), (), 1.0), key, folder / "a.pub"
    )


def test_a_challenger_goes_on_from_its_champion_and_is_released_as_that_one_was_exported(
    champion: Champion, make_squares: Make, tmp_path: Path
):
    new = make_squares("new", CLASSES, ("carton",), 0, train=4, val=2, test=2)
    task, out = replace(champion.task, added=(new,)), tmp_path / "next"
    contest = retrain(task, Terms(100.0, 10, "2"), out, champion.key)
    assert [(one.within, one.value, one.examples) for one in contest.classes] == [
        ("old", "carton", 12),
        ("new", "the rest", 2),
    ]
    assert contest.passed
    assert (contest.test_pictures, contest.openings) == (14, 1)
    assert [count_openings(opened.folder) for opened in (*task.old, new)] == [1, 1]
    assert Contest.model_validate_json((out / "contest.json").read_text()) == contest
    released = open_bundle(out / "bundle", [champion.public])
    assert (released.manifest.release, released.manifest.thresholds) == (8, task.champion.manifest.thresholds)
    assert {entry.name for entry in released.manifest.data} == {"old", "new"}
    assert margins(released) == margins(task.champion) == [True]
    config = read_config(out / "run")
    assert config.past is not None, "it went on from its champion's checkpoint"


def margins(bundle: Bundle) -> list[bool]:
    return [b"margin/pad" in bundle.read(path) for path in {model.path for model in bundle.manifest.models}]


def test_a_new_class_stands_behind_the_old_ones_in_the_release_and_loses_nothing_by_being_new(
    champion: Champion, make_squares: Make, tmp_path: Path
):
    pallets = make_squares("pallets", ("pallet",), ("pallet",), 0, train=4, val=2, test=10)
    task, out = replace(champion.task, added=(pallets,), new_classes=("pallet",)), tmp_path / "next"
    contest = retrain(task, Terms(100.0, 10, "2"), out, champion.key)
    assert [(one.within, one.value, one.champion is None) for one in contest.classes] == [
        ("old", "carton", False),
        ("pallets", "pallet", True),
    ]
    assert open_bundle(out / "bundle", [champion.public]).manifest.classes == (*CLASSES, "pallet")


def test_sets_that_do_not_fit_the_champion_are_refused_before_anything_is_written(
    make_bundle: Make, make_squares: Make, tmp_path: Path
):
    signed = make_bundle()
    bundle = open_bundle(signed.folder, [signed.public])
    old = make_squares("old", CLASSES, ("carton",), 0, train=2, val=1, test=1)
    codes = make_squares("codes", CLASSES, ("qr",), 2, train=2, val=1)
    settings = TrainSettings(weights=tmp_path / "none.pt")
    config = config_of(settings, old, codes)
    task = DetectorTask(bundle, config, settings, (old, codes), (), (), 1.0)
    twin = make_squares("others", ("box",), ("box",), 0, train=1, test=1)
    for wrong, told in (
        (task, "codes has no test part"),
        (replace(task, old=(old,)), "learnt qr from codes, and no old set labels that"),
        (replace(task, old=(twin,)), "other classes than"),
        (replace(task, old=(old, old), run=config_of(settings, old)), "several sets are called old"),
        (replace(task, run=config_of(settings, twin)), "the run learnt box"),
    ):
        with pytest.raises(EdgekitError, match=told):
            retrain(wrong, Terms(3.0, 10, "2"), tmp_path / "next", load_private(signed.private))
    assert not (tmp_path / "next").exists()


def config_of(settings: TrainSettings, *sets: DetectionSet) -> RunConfig:
    return RunConfig(settings=settings, sets=tuple(one.description for one in sets), skipped=(), learnt_from=())
