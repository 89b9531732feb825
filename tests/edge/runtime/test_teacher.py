"""Products taught on a running box: from live pictures, each checked, kept by their embedder, and taken back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from devices.errors import EdgekitError
from edge.config import Classifier as ClassifierSettings
from edge.model import overlay
from edge.model.bundle import open_bundle, open_classifier_bundle
from edge.model.classifier import load_classifier, load_gallery
from edge.model.detector import load_detector
from edge.model.gallery import build_gallery
from edge.model.overlay import Overlay, embedder_of
from edge.mqtt.command_messages import CommandMessage
from edge.runtime.classifier_in_use import ClassifierInUse
from edge.runtime.classifying import Classifying
from edge.runtime.gallery_in_use import GalleryInUse
from edge.runtime.looking import Looking
from edge.runtime.model_in_use import LoadedModel, ModelInUse
from edge.runtime.teacher import Teacher
from edge.tags.crops import ClassifierUse
from edge.tags.said import attributes_of
from edge.tags.verdict import VoteSettings
from edge.video.feed import CameraFeed
from edge.video.frame import ClockSource, Frame

Make = Callable[..., Any]
NOON = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
CYAN, MAGENTA, GREY = (230, 230, 10), (230, 10, 230), (230, 230, 230)


@dataclass
class Shown:
    """A camera that shows a colour after the other, and then the last one for ever."""

    colours: list[tuple[int, int, int]]

    def __post_init__(self) -> None:
        self._pictures = self._all()
        self.camera = type("Named", (), {"name": "gate"})

    def _all(self) -> Iterator[Frame]:
        for index, colour in enumerate(self.colours):
            image = np.full((64, 64, 3), colour, np.uint8)
            self._last = Frame("gate", index, NOON, ClockSource.HOST, float(index), float(index), image)
            yield self._last

    @property
    def newest(self) -> Frame:
        return next(self._pictures, None) or self._last


@dataclass
class School:
    folder: Path
    bundle: Any
    models: ModelInUse

    def classifying(self) -> Classifying:
        opened = open_classifier_bundle(self.bundle.folder, [self.bundle.public])
        classifier = load_classifier(opened, backend="onnxruntime")
        embedder = embedder_of(opened, opened.manifest.models[0])
        gallery = GalleryInUse(load_gallery(opened), Overlay.open(self.folder, embedder, 3))
        attributes = attributes_of(opened.manifest.taxonomy, gallery.current, can_be_taught=True)
        use = ClassifierUse(attributes, VoteSettings(2, 8))
        return Classifying(opened, classifier, gallery, attributes, use)

    def teach(self, classifying: Classifying, product: str, *colours: tuple[int, int, int], id_: str = "c1") -> Any:
        feed = cast("CameraFeed", Shown(list(colours)))
        command = CommandMessage(id=id_, client="ops", camera="gate", product=product, snapshots=len(colours))
        return Teacher(ClassifierInUse(classifying, Path()), self.models, {"gate": feed}).teach(command)

    def undo(self, classifying: Classifying, product: str | None = None) -> Any:
        return Teacher(ClassifierInUse(classifying, Path()), self.models, {}).undo(
            CommandMessage(id="u1", client="ops", product=product)
        )


@pytest.fixture
def school(make_bundle: Make, make_classifier_bundle: Make, tmp_path: Path) -> School:
    signed = make_bundle()
    bundle = open_bundle(signed.folder, [signed.public])
    models = ModelInUse(LoadedModel.of(bundle, load_detector(bundle, backend="onnxruntime")))
    return School(tmp_path / "taught", make_classifier_bundle(embedding=3), models)


def named(classifying: Classifying, colour: tuple[int, int, int]) -> str | None:
    seen = classifying.say(np.full((32, 32, 3), colour, np.uint8))
    return next((tag.value for tag in seen.tags if tag.key == "product"), None)


def test_a_taught_product_is_told_at_once_and_after_a_restart_and_not_once_it_is_taken_back(school: School):
    classifying = school.classifying()
    assert classifying.gallery.digest is None
    result = school.teach(classifying, "mint", CYAN, CYAN, CYAN)
    assert result == {"product": "mint", "pictures": 3, "gallery": classifying.gallery.digest}
    assert classifying.gallery.digest is classifying.gallery.digest  # made once, and not for each frame's events
    assert named(classifying, CYAN) == "mint"
    assert named(classifying, MAGENTA) is None
    school.teach(classifying, "plum", MAGENTA)
    again = school.classifying()
    assert (named(again, CYAN), named(again, MAGENTA)) == ("mint", "plum")
    assert again.gallery.digest == classifying.gallery.digest != result["gallery"]
    assert school.undo(again)["product"] == "plum"
    assert again.gallery.digest == result["gallery"]
    assert school.undo(again, "mint")["gallery"] is None
    assert (named(again, CYAN), named(school.classifying(), CYAN)) == (None, None)
    with pytest.raises(EdgekitError, match="nothing was taught here"):
        school.undo(again)


def test_a_picture_without_the_product_or_with_another_teaches_nothing(school: School):
    classifying = school.classifying()
    with pytest.raises(EdgekitError, match="shows nothing that the detector finds"):
        school.teach(classifying, "mint", (20, 20, 20))
    with pytest.raises(EdgekitError, match="do not show one product"):
        school.teach(classifying, "mint", (230, 10, 10), (10, 10, 230))
    school.teach(classifying, "mint", CYAN)
    with pytest.raises(EdgekitError, match=r"milk would not be told from mint, which it is alike by 1\.00"):
        school.teach(classifying, "milk", CYAN)
    with pytest.raises(EdgekitError, match="teach needs a product"):
        Teacher(ClassifierInUse(classifying, Path()), school.models, {}).teach(
            CommandMessage(id="c", client="ops", product="x", camera="no")
        )
    assert named(classifying, CYAN) == "mint"


def test_more_than_eight_pictures_belong_into_a_training(school: School):
    classifying = school.classifying()
    school.teach(classifying, "mint", *[CYAN] * 5)
    with pytest.raises(EdgekitError, match="more than 8 belong into a training"):
        school.teach(classifying, "mint", *[CYAN] * 4)


def test_what_was_taught_is_kept_over_an_update_with_the_same_embedder_and_set_aside_with_another(
    school: School, make_classifier_bundle: Make
):
    school.teach(school.classifying(), "mint", CYAN)
    own = np.array([0.5774, 0.5774, 0.5774], np.float32)
    updated = make_classifier_bundle(gallery=build_gallery({"salt": [own]}))
    newer = School(school.folder, updated, school.models).classifying()
    assert (named(newer, CYAN), named(newer, GREY)) == ("mint", "salt")
    other = Overlay.open(school.folder, "f" * 64, 3)
    assert other.teachings == ()
    assert len(list(school.folder.iterdir())) == 1


def test_a_disk_that_refuses_changes_nothing(school: School):
    classifying = school.classifying()
    school.teach(classifying, "mint", CYAN)
    (file,) = school.folder.iterdir()
    file.unlink()
    file.mkdir()
    with pytest.raises(EdgekitError, match=r"cannot use .* for what is taught"):
        school.teach(classifying, "plum", MAGENTA)
    assert named(classifying, MAGENTA) is None


def test_a_box_that_names_no_folder_teaches_nothing(school: School):
    classifying = school.classifying()
    classifying.gallery.overlay = None
    with pytest.raises(EdgekitError, match="taught in"):
        school.teach(classifying, "mint", CYAN)
    assert ClassifierSettings(path=Path("x")).taught is None


def test_a_file_of_teachings_that_is_damaged_is_set_aside_and_told_and_the_box_goes_on(school: School):
    school.teach(school.classifying(), "mint", CYAN)
    (file,) = school.folder.iterdir()
    whole = file.read_bytes()
    more, other = whole.replace(b'"pictures": 1', b'"pictures": 7'), whole.replace(b'"rows": "', b'"rows": "!')
    for number, damaged in enumerate((whole[: len(whole) // 2], b"", b"{}", more, other, b"\xff" + whole), start=1):
        file.write_bytes(damaged)
        again = school.classifying()
        kept = file.with_name(f"{file.name}.corrupt-{number}")
        assert again.gallery.set_aside == kept
        assert kept.read_bytes() == damaged
        assert not file.exists()
        assert named(again, CYAN) is None
        looking = Looking(ClassifierInUse(again, Path()), None, None, None)
        assert [str(kept) in alarm for alarm in looking.alarms] == [True]
    school.teach(school.classifying(), "mint", CYAN)
    assert named(school.classifying(), CYAN) == "mint"
    assert school.classifying().gallery.set_aside is None


def test_what_is_taught_on_a_box_is_bounded_by_pictures_and_by_bytes(monkeypatch: pytest.MonkeyPatch, school: School):
    classifying = school.classifying()
    school.teach(classifying, "mint", CYAN)
    before = classifying.gallery.digest
    (file,) = school.folder.iterdir()
    for name, bound in (("MOST_PICTURES_TAUGHT", 1), ("MOST_BYTES", file.stat().st_size + 10)):
        with monkeypatch.context() as patched:
            patched.setattr(overlay, name, bound)
            with pytest.raises(EdgekitError, match=r"more than this box keeps .* undo_teach, or train"):
                school.teach(classifying, "plum", MAGENTA)
    assert classifying.gallery.digest == before
    assert named(school.classifying(), MAGENTA) is None
    school.teach(classifying, "plum", MAGENTA)
