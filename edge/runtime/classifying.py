"""A box's classifier, put together from its configuration."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.config import BoxConfig
from edge.config import Classifier as ClassifierSettings
from edge.model.bundle import ClassifierBundle, open_classifier_bundle
from edge.model.classifier import Classifier, load_classifier, load_gallery
from edge.model.detector import choose_model
from edge.model.overlay import Overlay, embedder_of
from edge.predict.predictor import Namer
from edge.runtime.gallery_in_use import GalleryInUse
from edge.tags.crops import ClassifierUse
from edge.tags.events import Tag
from edge.tags.said import attributes_of, said_of
from edge.tags.verdict import Attributes, VoteSettings


@dataclass(frozen=True, slots=True)
class Said:
    """What is sure of a crop, and by how much the likeliest values led the next."""

    tags: tuple[Tag, ...]
    margin: float


@dataclass(frozen=True, slots=True)
class Classifying:
    """A loaded classifier, and how cameras use it.

    Attributes:
        bundle: Verified.
        classifier: Loaded from it, and proved.
        gallery: That the bundle brings, with what was taught here.
        attributes: What it and its gallery tell.
        use: How cameras' tags halves use it.
    """

    bundle: ClassifierBundle
    classifier: Classifier
    gallery: GalleryInUse
    attributes: Attributes
    use: ClassifierUse

    @property
    def digest(self) -> str:
        """Of the bundle."""
        return self.bundle.digest

    @property
    def namer(self) -> Namer:
        """The same for single pictures."""
        return Namer(self.classifier, self.gallery.current, self.bundle.digest, self.use.classes)

    def say(self, image: NDArray[np.uint8]) -> Said:
        """Return all that is sure of a crop (h, w, 3) uint8 BGR."""
        seen = self.classifier.classify(image)
        return Said(said_of(seen, self.classifier.taxonomy, self.gallery.current), seen.margin)


def load_classifying(
    config: BoxConfig, detector_classes: tuple[str, ...] | None, path: Path | None = None
) -> Classifying | None:
    """Load a box's classifier, None where the configuration names none.

    Args:
        config: The box.
        detector_classes: Of which crops can be; None where that is checked already.
        path: Of another bundle, in place of the configured one.

    Raises:
        EdgekitError: The bundle cannot be trusted or used, or crops are to be of a class that the detector has not.
    """
    settings = config.classifier
    if settings is None:
        return None
    if detector_classes is not None:
        check_crop_classes(config, detector_classes)
    bundle = open_classifier_bundle(path or settings.path, settings.trusted_keys or config.bundle.trusted_keys)
    classifier = load_classifier(
        bundle, backend=settings.backend, precision=settings.precision, requests=settings.requests
    )
    gallery = GalleryInUse(load_gallery(bundle), _open_overlay(settings, bundle))
    taxonomy, can_be_taught = bundle.manifest.taxonomy, gallery.overlay is not None
    attributes = attributes_of(taxonomy, gallery.current, can_be_taught=can_be_taught)
    use = ClassifierUse(
        attributes,
        VoteSettings(settings.agreeing_looks, settings.most_looks),
        settings.classes,
        settings.looks_a_frame,
    )
    return Classifying(bundle, classifier, gallery, attributes, use)


def _open_overlay(settings: ClassifierSettings, bundle: ClassifierBundle) -> Overlay | None:
    """Return what was taught on this box with this embedder, None where nothing can be.

    Raises:
        EdgekitError: The classifier gives no embeddings, or what stands in the folder cannot be used.
    """
    if settings.taught is None:
        return None
    if not bundle.manifest.embedding:
        raise EdgekitError(
            "taught in [classifier]: the classifier gives no embeddings, so nothing can be taught; export it anew with "
            "`edgekit train export --embedding`"
        )
    _, model = choose_model(bundle, settings.backend, settings.precision)
    return Overlay.open(settings.taught, embedder_of(bundle, model), bundle.manifest.embedding)


def check_crop_classes(config: BoxConfig, detector_classes: tuple[str, ...]) -> None:
    """Check that a detector knows the classes whose crops are classified.

    Raises:
        EdgekitError: It does not.
    """
    asked = config.classifier.classes if config.classifier is not None else ()
    if unknown := sorted(set(asked) - set(detector_classes)):
        raise EdgekitError(
            f"classes of [classifier] names {', '.join(unknown)}, which the detector does not know: its classes are "
            f"{', '.join(detector_classes)}"
        )
