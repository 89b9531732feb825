"""Scores every model file of a classifier's bundle with the engine that it is for, and sets INT8 beside FP32."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from devices.errors import EdgekitError
from edge.evaluate.classification import AttributeScore, score_attributes
from edge.evaluate.dataset import TEST
from edge.evaluate.openings import record_opening
from edge.evaluate.tagged_set import TaggedPicture, TaggedSet
from edge.model.bundle import ClassifierBundle
from edge.model.classifier import Classification, Classifier, load_classifier
from edge.model.detector import ENGINE_OF
from edge.model.manifest import Format, ModelFile, Precision, Sha256
from edge.model.picture import read_picture
from edge.model.taxonomy import Taxonomy


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClassifierScore(_Report):
    """What one model file came to."""

    format: Format
    sha256: Sha256 = Field(description="of the model file")
    backend: str
    version: str
    precision: Precision
    attributes: tuple[AttributeScore, ...]

    @property
    def metrics(self) -> dict[str, float]:
        """Return the scores by name, as they go into a manifest."""
        rows = [(f"accuracy/{score.attribute}", score.accuracy) for score in self.attributes]
        rows += [(f"macro-f1/{score.attribute}", score.macro_f1) for score in self.attributes]
        rows += [(f"calibration-error/{score.attribute}", score.calibration_error) for score in self.attributes]
        for score in self.attributes:
            if score.mean_average_precision is not None:
                rows += [(f"micro-f1/{score.attribute}", score.micro_f1)]
                rows += [(f"map/{score.attribute}", score.mean_average_precision)]
        return {name: round(value, 4) for name, value in rows}


class AccuracyCost(_Report):
    """Accuracy of INT8 less that of FP32 under one attribute, in points, with a paired bootstrap's 95 % interval."""

    backend: str
    attribute: str
    points: float
    low: float
    high: float
    draws: int


class ClassifierEvaluation(_Report):
    """The whole report."""

    bundle: str
    digest: str
    set_name: str
    split: str
    pictures: PositiveInt
    openings: int | None = Field(default=None, description="how many times the test part was opened, this one included")
    models: tuple[ClassifierScore, ...]
    int8_costs: tuple[AccuracyCost, ...]


def evaluate_classifier(
    bundle: ClassifierBundle,
    tagged_set: TaggedSet,
    *,
    split: str = "val",
    draws: int = 200,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> ClassifierEvaluation:
    """Score every model file of a classifier's bundle, through the runtime's own code.

    A test part is scored only after that was written down beside it.

    Args:
        bundle: The verified bundle.
        tagged_set: Its attributes have to be the bundle's.
        split: `train`, `val` or `test`.
        draws: Bootstrap samples for what INT8 costs.
        seed: Of the draws.
        advance: Called after each picture and model.
        now: The clock.

    Raises:
        EdgekitError: A model file cannot be loaded, the set has other attributes or no such part, or a picture cannot
            be read.
    """
    described = tagged_set.description
    if described.taxonomy != bundle.manifest.taxonomy:
        raise EdgekitError(f"{tagged_set.folder} has other attributes or values than {bundle.directory} tells")
    pictures = tagged_set.part(split)
    if not pictures:
        raise EdgekitError(f"{tagged_set.folder} holds no picture of the part {split}")
    openings = None
    if split == TEST:
        openings = record_opening(
            tagged_set.folder, described.digest, len(pictures), bundle.manifest.name, bundle.digest, now()
        )
    truth = [picture.tags for picture in pictures]
    scores: list[ClassifierScore] = []
    said_by: dict[tuple[str, str], list[Classification]] = {}
    for model in bundle.manifest.models:
        classifier = load_classifier(bundle, backend=ENGINE_OF[model.format], precision=model.precision)
        said = classify_pictures(classifier, pictures, advance)
        said_by[ENGINE_OF[model.format], model.precision] = said
        scores.append(_score(bundle, model, classifier.info.version, truth, said))
    return ClassifierEvaluation(
        bundle=bundle.manifest.name,
        digest=bundle.digest,
        set_name=described.name,
        split=split,
        pictures=len(pictures),
        openings=openings,
        models=tuple(scores),
        int8_costs=_int8_costs(described.taxonomy, truth, said_by, draws, seed),
    )


def _score(
    bundle: ClassifierBundle,
    model: ModelFile,
    version: str,
    truth: Sequence[tuple[tuple[int, ...], ...]],
    said: Sequence[Classification],
) -> ClassifierScore:
    """Return what a model file came to, run by an engine of that version."""
    return ClassifierScore(
        format=model.format,
        sha256=next(entry.sha256 for entry in bundle.manifest.files if entry.path == model.path),
        backend=ENGINE_OF[model.format],
        version=version,
        precision=model.precision,
        attributes=score_attributes(bundle.manifest.taxonomy, truth, said),
    )


def _int8_costs(
    taxonomy: Taxonomy,
    truth: Sequence[tuple[tuple[int, ...], ...]],
    said_by: Mapping[tuple[str, str], Sequence[Classification]],
    draws: int,
    seed: int,
) -> tuple[AccuracyCost, ...]:
    """Return what INT8 costs on each engine that both files were run on, by what was said (backend, precision)."""
    return tuple(
        cost
        for backend in ENGINE_OF.values()
        if {(backend, "fp32"), (backend, "int8")} <= said_by.keys()
        for cost in accuracy_costs(
            taxonomy, truth, backend, said_by[backend, "fp32"], said_by[backend, "int8"], draws, seed
        )
    )


def classify_pictures(
    classifier: Classifier, pictures: Sequence[TaggedPicture], advance: Callable[[], None] = lambda: None
) -> list[Classification]:
    """Return what a classifier says of each picture, as many at a time as it has requests.

    Raises:
        EdgekitError: A picture cannot be read.
    """

    def one(picture: TaggedPicture) -> Classification:
        said = classifier.classify(read_picture(picture.path))
        advance()
        return said

    with ThreadPoolExecutor(classifier.info.requests) as pool:
        return list(pool.map(one, pictures))


def accuracy_costs(
    taxonomy: Taxonomy,
    truth: Sequence[tuple[tuple[int, ...], ...]],
    backend: str,
    before: Sequence[Classification],
    after: Sequence[Classification],
    draws: int,
    seed: int,
) -> list[AccuracyCost]:
    """Return what a second model file loses against a first one under each attribute, on the same pictures.

    Args:
        taxonomy: The attributes.
        truth: Of each picture, the indices of its values by learnt attribute.
        backend: That ran both.
        before: What the first file said.
        after: What the second one said.
        draws: Bootstrap samples.
        seed: Of the draws.
    """
    drawn = np.random.default_rng(seed).integers(0, len(truth), (draws, len(truth)))
    costs: list[AccuracyCost] = []
    for attribute in taxonomy.attributes:
        gains = _right(taxonomy, attribute.name, truth, after) - _right(taxonomy, attribute.name, truth, before)
        sampled = 100 * gains[drawn].mean(axis=1)
        low, high = np.percentile(sampled, [2.5, 97.5])
        points, low, high = (round(float(value), 2) for value in (100 * gains.mean(), low, high))
        costs.append(
            AccuracyCost(backend=backend, attribute=attribute.name, points=points, low=low, high=high, draws=draws)
        )
    return costs


def _right(
    taxonomy: Taxonomy, name: str, truth: Sequence[tuple[tuple[int, ...], ...]], said: Sequence[Classification]
) -> NDArray[np.float64]:
    """Return 1 for each picture of which an attribute was told right, else 0."""
    attribute = next(one for one in taxonomy.attributes if one.name == name)
    source = attribute.implied_by or attribute.name
    position = [learnt.name for learnt in taxonomy.learnt].index(source)
    right: list[bool] = []
    for tags, one in zip(truth, said, strict=True):
        indices = {attribute.follows[index] for index in tags[position]} if attribute.follows else set(tags[position])
        wanted = {attribute.values[index] for index in indices}
        right.append(wanted == {tag.value for tag in one.tags if tag.attribute == name})
    return np.array(right, np.float64)
