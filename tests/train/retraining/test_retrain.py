"""A challenger against its champion: what it must know, what it may lose, and when there is a release."""

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedPicture, TaggedSet
from edge.model.bundle import open_classifier_bundle
from edge.model.classifier import load_classifier
from edge.model.manifest import ModelFile
from edge.model.signature import load_private
from edge.model.taxonomy import Attribute, Taxonomy
from train.classifier.settings import ClassifierSettings
from train.epochs import TrainingEpoch
from train.retraining.classifier_task import ClassifierTask, compare
from train.retraining.contest import REST, ClassContest, Contest, compared_precision, with_few_together
from train.retraining.merging import grown, merge
from train.retraining.retrain import Terms, retrain
from train.retraining.task import Listeners
from train.runs import open_run
from train.tagged_sets import write_tagged_set

Make = Callable[..., Any]
BGR = {"blue": (230, 20, 20), "green": (20, 230, 20), "red": (20, 20, 230), "yellow": (20, 220, 230)}
OLD = Taxonomy(
    attributes=(
        Attribute(name="colour", values=("blue", "green", "red")),
        Attribute(name="warmth", values=("cold", "warm"), implied_by="colour", follows=(0, 0, 1)),
    )
)
NEW = Taxonomy(
    attributes=(
        Attribute(name="colour", values=("red", "yellow")),
        Attribute(name="warmth", values=("hot", "warm"), implied_by="colour", follows=(1, 0)),
    )
)
TINY = ClassifierSettings.model_validate(
    {
        "network": {"backbone": "test_efficientnet", "dropout": 0.0},
        "schedule": {"epochs": 3, "batch": 8, "learning_rate": 0.01, "backbone_rate": 1.0, "average_decay": 0.5},
        "augment": {"hue": 0.0, "mix": 0.0, "colour": 0.0, "erase": 0.0},
        "input_px": 32,
    }
)


@pytest.fixture(autouse=True)
def one_thread() -> Generator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def make_set(tmp_path: Path) -> Make:
    def make(
        name: str, taxonomy: Taxonomy, *, train_shows: Mapping[str, str] | None = None, **counts: int
    ) -> TaggedSet:
        rng, origin = np.random.default_rng(0), tmp_path / f"{name}-origin"
        origin.mkdir()
        pictures: list[TaggedPicture] = []
        for part, count in counts.items():
            for index, colour in enumerate(taxonomy.learnt[0].values):
                for number in range(count):
                    noise = rng.integers(-20, 20, (40, 40, 3))
                    path = origin / f"{part}-{colour}-{number}.png"
                    shown = (train_shows or {}).get(colour, colour) if part != "test" else colour
                    cv2.imwrite(str(path), (np.array(BGR[shown]) + noise).clip(0, 255).astype(np.uint8))
                    pictures.append(TaggedPicture(path, part, f"g{number}", ((index,),)))
        described = {"name": name, "licence": "CC0-1.0", "source": "made by a test"}
        return write_tagged_set(tmp_path / name, **described, taxonomy=taxonomy, pictures=pictures, origin=origin)

    return make


def test_new_values_are_learnt_behind_the_old_ones_and_only_where_they_are_named(make_set: Make):
    new = make_set("new", NEW, train=2)
    taxonomy = grown(OLD, [new], ["yellow"])
    assert [(one.name, one.values, one.follows) for one in taxonomy.attributes] == [
        ("colour", ("blue", "green", "red", "yellow"), ()),
        ("warmth", ("cold", "warm", "hot"), (0, 0, 1, 2)),
    ]
    with pytest.raises(EdgekitError, match=r"does not know yellow.*--new-class yellow"):
        grown(OLD, [new], [])
    with pytest.raises(EdgekitError, match="pink is in no added set"):
        grown(OLD, [new], ["yellow", "pink"])
    other = make_set("other", Taxonomy(attributes=(Attribute(name="colour", values=("red", "yellow")),)), train=1)
    with pytest.raises(EdgekitError, match="which warmth yellow has is said by no added set"):
        grown(OLD, [other], ["yellow"])


def test_a_merged_set_keeps_parts_replays_a_share_and_means_the_same_by_each_tag(make_set: Make, tmp_path: Path):
    old, new = make_set("old", OLD, train=10, val=2, test=3), make_set("new", NEW, train=4, test=1)
    taxonomy = grown(OLD, [new], ["yellow"])
    merged = merge(old, [new], taxonomy, tmp_path / "merged", replay=0.3)
    assert [len(merged.part(part)) for part in ("train", "val", "test")] == [3 * 3 + 8, 6, 9 + 2]
    for picture in merged.pictures:
        colour = taxonomy.learnt[0].values[picture.tags[0][0]]
        assert f"-{colour}-" in picture.path.name
        assert picture.group.startswith(("0-old-g", "1-new-g"))


def test_few_pictures_do_not_decide_and_a_loss_beyond_the_budget_does():
    taxonomy = Taxonomy(attributes=(Attribute(name="colour", values=("blue", "green", "red", "yellow")),))
    names = ["blue"] * 20 + ["green"] * 2 + ["red"] * 3 + ["yellow"] * 4
    pictures = [TaggedPicture(Path(name), "test", "", ((taxonomy.learnt[0].values.index(name),),)) for name in names]
    champion = [{"colour": name != "yellow"} for name in names]
    challenger = [{"colour": index not in (0, 21)} for index in range(len(names))]
    classes = with_few_together(compare(OLD, taxonomy, pictures, champion, challenger), least_examples=10)
    assert [(one.value, one.examples, one.champion, one.challenger) for one in classes] == [
        ("blue", 20, 20, 19),
        ("yellow", 4, None, 4),
        (REST, 5, 5, 4),
    ]

    def contest(budget: float) -> Contest:
        return Contest(
            champion_digest="a",
            challenger_digest="b",
            test_pictures=29,
            openings=1,
            budget_points=budget,
            classes=classes,
        )

    assert contest(20).passed
    assert [one.value for one in contest(5).over_budget] == [REST]
    assert ClassContest(within="a", value="v", examples=4, champion=None, challenger=0).lost_recall is None


@pytest.mark.parametrize("budget", [20.0, 0.0])
def test_a_challenger_that_learns_the_new_class_is_released_and_one_that_forgets_is_not(
    make_classifier_bundle: Make, make_set: Make, tmp_path: Path, budget: float
):
    signed = make_classifier_bundle(thresholds={"colour": 0.3, "warmth": 0.3})
    champion = open_classifier_bundle(signed.folder, [signed.public])
    old, new = make_set("old", OLD, train=8, val=4, test=10), make_set("new", NEW, train=8, val=4, test=5)
    forgets = budget == 0.0
    settings = TINY
    if forgets:  # one step of nearly nothing: a network that has learnt next to nothing
        schedule = TINY.schedule.model_copy(update={"epochs": 1, "learning_rate": 1e-7})
        settings = TINY.model_copy(update={"schedule": schedule})
    task = ClassifierTask(champion, settings, old, (new,), ("yellow",), 1.0)
    terms = Terms(budget, 5, "2")
    out = tmp_path / "next"
    if forgets:
        with pytest.raises(EdgekitError, match="do not agree on anything"):  # nothing sure: not even a self-test
            retrain(task, terms, out, load_private(signed.private))
        assert not (out / "bundle").exists()
        return
    contest = retrain(task, terms, out, load_private(signed.private))
    recalls = {one.value: (one.champion, one.challenger, one.examples) for one in contest.classes}
    assert recalls["yellow"][0] is None
    assert recalls["blue"][0] == 10
    assert contest.passed == (out / "bundle").exists()
    assert (out / "contest.json").exists()
    assert contest.openings == 1
    assert not (out / "candidate").exists()
    if contest.passed:
        released = open_classifier_bundle(out / "bundle", [signed.public])
        assert released.manifest.release == champion.manifest.release + 1
        assert released.manifest.taxonomy.learnt[0].values[-1] == "yellow"
        said = load_classifier(released).classify(np.full((40, 40, 3), BGR["yellow"], np.uint8))
        assert {tag.value for tag in said.tags} & {"yellow", "hot"}


def test_a_challenger_that_lost_an_old_class_publishes_nothing_and_says_what_it_lost(
    make_classifier_bundle: Make, make_set: Make, tmp_path: Path
):
    signed = make_classifier_bundle(thresholds={"colour": 0.3, "warmth": 0.3})
    champion = open_classifier_bundle(signed.folder, [signed.public])
    # Somebody took blue for green and green for blue, in all that it learns from.
    old = make_set("old", OLD, train_shows={"green": "blue", "blue": "green"}, train=8, val=4, test=10)
    longer = TINY.model_copy(update={"schedule": TINY.schedule.model_copy(update={"epochs": 8})})
    task, terms = ClassifierTask(champion, longer, old, (), (), 1.0), Terms(20.0, 5, "2")
    out = tmp_path / "next"
    contest = retrain(task, terms, out, load_private(signed.private))
    assert not contest.passed
    assert "green" in [one.value for one in contest.over_budget]
    assert any("colour green, 10 examples: recall 100.0 -> " in line for line in contest.told())
    assert not (out / "bundle").exists()
    assert not (out / "candidate").exists(), "a signed bundle that lost must not lie about"
    assert Contest.model_validate_json((out / "contest.json").read_text()) == contest


def test_a_champion_is_held_against_its_challenger_in_float_where_it_can_be(make_classifier_bundle: Make):
    whole = ModelFile(path="classifier.onnx", format="openvino", precision="fp32")
    small = ModelFile(path="classifier.onnx", format="openvino", precision="int8")
    precisions: list[str] = []
    for models in ((small, whole), (small,)):
        signed = make_classifier_bundle(models=models)
        precisions.append(compared_precision(open_classifier_bundle(signed.folder, [signed.public])))
    assert precisions == ["fp32", "int8"]


class BrokenOffError(Exception):
    """Ends a retraining between two epochs, as a kill does."""


def test_a_retraining_that_was_broken_off_goes_on_with_its_epochs_and_has_a_report(
    make_classifier_bundle: Make, make_set: Make, tmp_path: Path
):
    signed = make_classifier_bundle(thresholds={"colour": 0.3, "warmth": 0.3})
    champion = open_classifier_bundle(signed.folder, [signed.public])
    old, new = make_set("old", OLD, train=8, val=4, test=10), make_set("new", NEW, train=8, val=4, test=5)
    task, terms = ClassifierTask(champion, TINY, old, (new,), ("yellow",), 1.0), Terms(100.0, 5, "2")
    out, key = tmp_path / "next", load_private(signed.private)
    with pytest.raises(EdgekitError, match=r"nothing to resume .* no retraining was begun there"):
        retrain(task, terms, out, key, resume=True)

    def break_off(record: TrainingEpoch) -> None:
        raise BrokenOffError(record.epoch)

    with pytest.raises(BrokenOffError):
        retrain(task, terms, out, key, listeners=Listeners(break_off))
    with pytest.raises(EdgekitError, match="go on with it by --resume"):
        retrain(task, terms, out, key)
    seen: list[int] = []
    steps: list[tuple[int, int]] = []
    contest = retrain(
        task,
        terms,
        out,
        key,
        resume=True,
        listeners=Listeners(lambda record: seen.append(record.epoch), lambda done, total: steps.append((done, total))),
    )
    assert seen == [2, 3]
    assert steps[-1][0] == steps[-1][1] == 3 * len(steps) // 2
    assert contest.openings == 1
    assert [record.epoch for record in open_run(out / "run").epochs] == [1, 2, 3]
    assert "<h2>Confusion</h2>" in (out / "run" / "report.html").read_text("utf-8")
    with pytest.raises(EdgekitError, match=r"nothing to resume .* its contest is over"):
        retrain(task, terms, out, key, resume=True)


def test_a_set_without_a_test_or_of_another_bundle_is_refused_before_anything_is_trained(
    make_classifier_bundle: Make, make_set: Make, tmp_path: Path
):
    signed = make_classifier_bundle()
    champion = open_classifier_bundle(signed.folder, [signed.public])
    new = make_set("new", NEW, train=2)
    for old, told in (
        (make_set("a", OLD, train=2), "no test part"),
        (make_set("b", NEW, train=2), "tells others"),
    ):
        task = ClassifierTask(champion, TINY, old, (new,), ("yellow",), 1.0)
        with pytest.raises(EdgekitError, match=told):
            retrain(task, Terms(3.0, 10, "2"), tmp_path / "next", load_private(signed.private))
    assert not (tmp_path / "next").exists()
