"""Asks all models of a kit about one picture: what stands in it, what each of it is, which codes are on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.bundle import Bundle, open_any_bundle
from edge.model.classifier import Classifier, load_classifier, load_gallery
from edge.model.classifier_manifest import ClassifierManifest
from edge.model.detector import Backend, Detector, load_detector
from edge.model.gallery import Gallery
from edge.predict.prediction import PredictedCode, PredictedObject, PredictedTag, PredictingModels, Prediction
from edge.tags.crops import cut_box
from edge.tags.photo import Photo, PhotoReader
from edge.tags.reading import PRINTED
from edge.tags.said import said_of

_MOST_LOOKED_AT = 100  # objects of one picture, surest first: what a crowded shelf may cost has a bound


@dataclass(frozen=True, slots=True)
class Finder:
    """A detector, and the digest of the bundle that it comes from."""

    detector: Detector
    digest: str


@dataclass(frozen=True, slots=True)
class Namer:
    """A classifier, its gallery, and the digest of the bundle that they come from.

    Attributes:
        classifier: Looks at the whole picture, and at each object.
        gallery: Of products that it has not learnt, None where there is none.
        digest: Of the bundle.
        classes: Of the detector, whose objects are looked at; none: all but labels.
    """

    classifier: Classifier
    gallery: Gallery | None
    digest: str
    classes: tuple[str, ...] = ()

    def looks_at(self, label: str) -> bool:
        """Whether objects of a class of the detector are looked at."""
        return label in self.classes if self.classes else label not in PRINTED

    def say(self, image: NDArray[np.uint8]) -> tuple[PredictedTag, ...]:
        """Return all that is sure of a picture (H, W, 3) uint8 BGR."""
        said = said_of(self.classifier.classify(image), self.classifier.taxonomy, self.gallery)
        return tuple(
            PredictedTag(key=tag.key, value=tag.value, score=round(tag.score, 4), source=tag.source) for tag in said
        )


@dataclass(frozen=True, slots=True)
class Predictor:
    """Says all that can be said of single pictures. May be used from as many threads as the engines have requests.

    Attributes:
        finder: What finds objects, None for none.
        namer: What tells what the picture and its objects are, None for none.
        codes: What reads codes, None where nobody wants them.
    """

    finder: Finder | None
    namer: Namer | None
    codes: PhotoReader | None

    def predict(self, image: NDArray[np.uint8], name: str | None) -> Prediction:
        """Return what a picture (H, W, 3) uint8 BGR shows.

        Raises:
            EdgekitError: A model gives what is no number.
        """
        return self.with_codes(self.see(image, name), Photo.of(image))

    def see(self, image: NDArray[np.uint8], name: str | None) -> Prediction:
        """Return what the models see in a picture (H, W, 3) uint8 BGR, without its codes.

        Raises:
            EdgekitError: A model gives what is no number.
        """
        return Prediction(
            picture=name,
            width_px=image.shape[1],
            height_px=image.shape[0],
            tags=self.namer.say(image) if self.namer is not None else (),
            objects=self._objects(image),
            codes=(),
            models=PredictingModels(
                detector=self.finder.digest if self.finder is not None else None,
                classifier=self.namer.digest if self.namer is not None else None,
            ),
        )

    def with_codes(self, seen: Prediction, photo: Photo) -> Prediction:
        """Return what was seen in a picture together with the codes on it, where anybody wants them."""
        if self.codes is None:
            return seen
        codes = tuple(
            PredictedCode(text=code.text, symbology=code.symbology, x=round(code.x, 1), y=round(code.y, 1))
            for code in self.codes.read_photo(photo)
        )
        return seen.model_copy(update={"codes": codes})

    def _objects(self, image: NDArray[np.uint8]) -> tuple[PredictedObject, ...]:
        if self.finder is None:
            return ()
        found = self.finder.detector.detect(image)
        objects: list[PredictedObject] = []
        for row in np.argsort(-found.score, kind="stable"):
            label = self.finder.detector.classes[int(found.class_id[row])]
            left, top, right, bottom = (round(float(edge), 2) for edge in found.xyxy[row])
            box = (left, top, right, bottom)
            score = round(float(found.score[row]), 4)
            tags = self._tags(image, label, box) if len(objects) < _MOST_LOOKED_AT else ()
            objects.append(PredictedObject(label=label, score=score, xyxy=box, tags=tags))
        return tuple(objects)

    def _tags(
        self, image: NDArray[np.uint8], label: str, box: tuple[float, float, float, float]
    ) -> tuple[PredictedTag, ...]:
        if self.namer is None or not self.namer.looks_at(label):
            return ()
        crop = cut_box(image, box)
        return self.namer.say(crop) if crop is not None else ()


@dataclass(frozen=True, slots=True)
class PredictorChoice:
    """Which models are to be asked, and how they are to run.

    Attributes:
        bundles: Of a detector, of a classifier, or of both.
        trusted_keys: Of which one must have signed each.
        backend: Of both.
        score: In place of the detector's own threshold, None for that.
        formats: Symbologies to read, as zxing-cpp names them; none: no code is looked for.
        requests: Pictures at the same time.
    """

    bundles: tuple[Path, ...]
    trusted_keys: tuple[Path, ...]
    backend: Backend = "auto"
    score: float | None = None
    formats: tuple[str, ...] = ("All",)
    requests: int = 1


def load_predictor(choice: PredictorChoice) -> Predictor:
    """Load models for single pictures; each has proved itself by its self-test when this returns.

    Raises:
        EdgekitError: A bundle cannot be trusted or used, or two do the same.
    """
    finder: Finder | None = None
    namer: Namer | None = None
    for folder in choice.bundles:
        opened = open_any_bundle(folder, choice.trusted_keys)
        manifest = opened.manifest
        taken = namer if isinstance(manifest, ClassifierManifest) else finder
        if taken is not None:
            raise EdgekitError(f"{folder} does what another --bundle does: name one detector, one classifier, or both")
        if isinstance(manifest, ClassifierManifest):
            bundle = Bundle(folder, manifest, opened.digest)
            classifier = load_classifier(bundle, backend=choice.backend, requests=choice.requests)
            namer = Namer(classifier, load_gallery(bundle), bundle.digest)
        else:
            found = Bundle(folder, manifest, opened.digest)
            detector = load_detector(
                found, backend=choice.backend, requests=choice.requests, score_threshold=choice.score
            )
            finder = Finder(detector, found.digest)
    return Predictor(finder, namer, PhotoReader(choice.formats) if choice.formats else None)


def names_of(objects: Sequence[PredictedObject]) -> str:
    """Return how many there are of each class, for people."""
    counts: dict[str, int] = {}
    for one in objects:
        counts[one.label] = counts.get(one.label, 0) + 1
    return ", ".join(f"{count} {label}" for label, count in counts.items())
