"""Whether the models of a box know what its shelf zones name: found before anything runs."""

from collections.abc import Sequence

from devices.errors import EdgekitError
from edge.tags.crops import ClassifierUse
from edge.tags.field_votes import OcrUse
from edge.tags.naming import Names
from edge.zones import Shelf


def check_classes(camera: str, shelf: Shelf, classes: Sequence[str]) -> None:
    """Check that a model knows all that a zone names.

    Raises:
        EdgekitError: It does not.
    """
    named = {*shelf.tags, *(shelf.expected if shelf.count_by is None else ()), *(shelf.occluders or ())}
    if unknown := sorted(named - set(classes)):
        raise EdgekitError(
            f"shelf {shelf.name} of camera {camera} names {', '.join(unknown)}, which the model does not know: "
            f"its classes are {', '.join(classes)}"
        )


def names_of(camera: str, shelf: Shelf, classifier: ClassifierUse | None, ocr: OcrUse | None = None) -> Names | None:
    """Return what names a zone's products and has their fields read, None where the detector's class is all.

    Raises:
        EdgekitError: There is no classifier, or it does not tell what the zone counts by or expects.
    """
    by = shelf.count_by
    if by is None:
        return Names(shelf.name, None, None, ocr) if ocr is not None else None
    if classifier is None:
        raise EdgekitError(f"shelf {shelf.name} of camera {camera} counts by {by}: name a [classifier] that tells it")
    attributes = classifier.attributes
    if by not in attributes.single:
        raise EdgekitError(
            f"shelf {shelf.name} of camera {camera} counts by {by}, which the classifier does not tell as one value: "
            f"it tells {', '.join(attributes.single)}"
        )
    if unknown := sorted(set(shelf.expected) - set(attributes.values[by])):
        raise EdgekitError(
            f"shelf {shelf.name} of camera {camera} expects {', '.join(unknown)}, which is no {by} that the classifier "
            "knows: see `edgekit bundle show`"
        )
    return Names(shelf.name, by, classifier, ocr)
