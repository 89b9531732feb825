"""The classifier: a bundle's model on an engine, from a picture to what it shows, or that it is unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.bundle import ClassifierBundle
from edge.model.detector import Backend, PrecisionChoice, choose_model, load_engine
from edge.model.engine import Engine, EngineInfo, EngineRequest
from edge.model.gallery import MATRIX, RECORD, Gallery, read_gallery
from edge.model.geometry import Bgr, Letterbox
from edge.model.picture import decode_picture
from edge.model.several import SaidValues, SeveralHead
from edge.model.taxonomy import Attribute, Taxonomy

EACH_BY_ITSELF = SeveralHead(method="one-vs-all")


@dataclass(frozen=True, slots=True)
class ClassTag:
    """What is said of a picture under one attribute.

    Attributes:
        attribute: Its name.
        value: What it is, or most likely is.
        score: Of the value, 0 to 1.
        sure: Whether the score is high enough to say so; else it is unknown.
    """

    attribute: str
    value: str
    score: float
    sure: bool


@dataclass(frozen=True, slots=True)
class Classification:
    """What a classifier says of one picture.

    Attributes:
        tags: In the taxonomy's order; an attribute of several values has one for each that is said, or none.
        scores: (columns,) float32 of all values of the learnt attributes.
        embedding: (width,) float32 of unit length; empty where the model gives none.
        margin: By which the likeliest value leads the next one, of the attribute of one value where that is least.
    """

    tags: tuple[ClassTag, ...]
    scores: NDArray[np.float32]
    embedding: NDArray[np.float32]
    margin: float = 1.0

    def value(self, attribute: str) -> str | None:
        """Return the value of an attribute, None where it is unknown."""
        return next((tag.value for tag in self.tags if tag.attribute == attribute and tag.sure), None)


@dataclass(frozen=True, slots=True)
class TagDecoder:
    """From a model's row to tags that never contradict one another.

    The value of an attribute that follows from another is read off that one's likeliest value. Its score is the sum
    over all values that it follows from: the product may be unknown, and its category still be sure.

    Attributes:
        taxonomy: The attributes.
        thresholds: By attribute: what is scored below is unknown, or, of several values, not said.
        embedding: Columns behind the scores.
        heads: By attribute of several values: how it is told; each value by itself where none is named.
    """

    taxonomy: Taxonomy
    thresholds: Mapping[str, float]
    embedding: int = 0
    heads: Mapping[str, SeveralHead] = field(default_factory=dict[str, SeveralHead])

    @property
    def columns(self) -> int:
        """Length of the model's row."""
        return sum(map(self._width, self.taxonomy.learnt)) + self.embedding

    def decode(self, row: NDArray[np.float32]) -> Classification:
        """Return what a row (columns,) says."""
        tags: list[ClassTag] = []
        scores: list[NDArray[np.float32]] = []
        margins: list[float] = []
        begin = 0
        for attribute in self.taxonomy.learnt:
            part = row[begin : begin + self._width(attribute)]
            begin += len(part)
            if attribute.multiple:
                head = self.heads.get(attribute.name, EACH_BY_ITSELF)
                said = head.read(part, attribute, self.thresholds[attribute.name])
                part = said.scores
                tags += self._several(attribute, said)
            else:
                tags += self._one_and_what_follows(attribute, part)
                margins.append(_lead(part))
            scores.append(part)
        order = {attribute.name: index for index, attribute in enumerate(self.taxonomy.attributes)}
        tags.sort(key=lambda tag: order[tag.attribute])
        return Classification(tuple(tags), np.concatenate(scores), row[begin:], min(margins, default=1.0))

    def _width(self, attribute: Attribute) -> int:
        head = self.heads.get(attribute.name)
        return head.columns(attribute) if head is not None else len(attribute.values)

    def _several(self, attribute: Attribute, said: SaidValues) -> list[ClassTag]:
        return [
            ClassTag(attribute.name, attribute.values[index], float(said.scores[index]), said.sure)
            for index in said.indices
        ]

    def _one_and_what_follows(self, attribute: Attribute, scores: NDArray[np.float32]) -> list[ClassTag]:
        best = int(scores.argmax())
        tags = [self._tag(attribute, best, float(scores[best]))]
        for implied in self.taxonomy.implied(attribute.name):
            sums = np.bincount(implied.follows, weights=scores, minlength=len(implied.values))
            index = implied.follows[best]
            tag = self._tag(implied, index, min(1.0, float(sums[index])))
            tags.append(replace(tag, sure=tag.sure or tags[0].sure))  # what follows from the known is known
        return tags

    def _tag(self, attribute: Attribute, index: int, score: float) -> ClassTag:
        return ClassTag(attribute.name, attribute.values[index], score, score >= self.thresholds[attribute.name])


def _lead(scores: NDArray[np.float32]) -> float:
    """Return by how much the highest of two scores or more leads the next."""
    next_best, best = np.partition(scores, -2)[-2:]
    return float(best - next_best)


class Classifier:
    """A loaded classifier. Its methods may be called from as many threads at once as the engine has requests.

    Args:
        engine: Runs the model.
        decoder: Knows what its columns mean.
        height: Rows of the input.
        width: Columns of the input.

    Raises:
        EdgekitError: The engine's output is not the decoder's row.
    """

    def __init__(self, engine: Engine, decoder: TagDecoder, height: int, width: int) -> None:
        shapes = engine.output_shapes
        if shapes != ((1, decoder.columns),):
            told = ", ".join(map(str, shapes))
            raise EdgekitError(
                f"the model's output is {told}, not (1, {decoder.columns}): the bundle describes another model; "
                "export it anew"
            )
        self.taxonomy = decoder.taxonomy
        self.info: EngineInfo = engine.info
        self._engine = engine
        self._decoder = decoder
        self._height = height
        self._width = width

    def classify(self, image: NDArray[np.uint8]) -> Classification:
        """Return what a picture (H, W, 3) uint8 BGR shows.

        Raises:
            EdgekitError: The model gives scores that are no numbers.
        """
        tensor = np.empty((1, self._height, self._width, 3), np.uint8)
        Letterbox.fit(image.shape[1], image.shape[0], self._width, self._height).draw(Bgr(image), tensor[0])
        row = self._engine.infer(tensor)[0][0]
        if not np.isfinite(row).all():
            raise EdgekitError(
                "the classifier gives scores that are no numbers: this machine computes the model wrongly"
            )
        return self._decoder.decode(row)


def load_classifier(
    bundle: ClassifierBundle, *, backend: Backend = "auto", precision: PrecisionChoice = "auto", requests: int = 2
) -> Classifier:
    """Load a bundle's model and let it prove itself on the bundle's own self-test.

    Args:
        bundle: The verified bundle.
        backend: `auto` takes OpenVINO where it is installed and the bundle has a file for it, else ONNX Runtime.
        precision: `auto` takes INT8 before FP32.
        requests: Pictures that may be in inference at the same time.

    Raises:
        EdgekitError: The bundle has no such file, the engine cannot load it, or it fails its self-test on this machine.
    """
    name, model = choose_model(bundle, backend, precision)
    manifest = bundle.manifest
    height, width = manifest.input.height, manifest.input.width
    engine = load_engine(name, EngineRequest(bundle.model(model), model.precision, height, width, requests))
    decoder = TagDecoder(manifest.taxonomy, manifest.thresholds, manifest.embedding, manifest.heads)
    classifier = Classifier(engine, decoder, height, width)
    _prove(bundle, classifier)
    return classifier


def load_gallery(bundle: ClassifierBundle) -> Gallery | None:
    """Return the gallery that a bundle brings, None where it brings none.

    Raises:
        EdgekitError: It is no gallery, or of embeddings of another model.
    """
    if not bundle.manifest.gallery:
        return None
    gallery = read_gallery(bundle.read(RECORD), bundle.read(MATRIX), str(bundle.directory))
    if gallery.width != bundle.manifest.embedding:
        raise EdgekitError(
            f"the gallery of {bundle.directory} has embeddings of {gallery.width} columns, the model gives "
            f"{bundle.manifest.embedding}: build it anew with `edgekit train gallery`"
        )
    return gallery


def _prove(bundle: ClassifierBundle, classifier: Classifier) -> None:
    """Check that a classifier says what the bundle says it must of the bundle's own picture.

    Raises:
        EdgekitError: The picture cannot be read, or something else was said.
    """
    test = bundle.manifest.self_test
    picture = decode_picture(bundle.read(test.picture), f"the self-test picture of {bundle.directory}")
    said = classifier.classify(picture)
    for expected in test.expected:
        found = [tag for tag in said.tags if (tag.attribute, tag.value) == (expected.attribute, expected.value)]
        if not found or abs(found[0].score - expected.score) > test.score_tolerance:
            info = classifier.info
            raise EdgekitError(
                f"{bundle.directory} fails its self-test on {info.backend} {info.version} ({info.precision}): no "
                f"{expected.attribute} {expected.value} of score {expected.score:.2f}; this machine computes the model "
                "wrongly, try the other backend or precision"
            )
