"""From a few pictures of each product to a gallery, and into a classifier's bundle."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.bundle import ClassifierBundle, build_bundle
from edge.model.classifier import Classifier
from edge.model.gallery import MARGIN, THRESHOLD, Gallery
from edge.model.gallery_calibration import LEAST_PRODUCTS, Embeddings, GalleryScore, calibrate_gallery

MOST_PICTURES = 8  # of a product; more belong into a training


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a gallery calls unknown.

    Attributes:
        threshold: A picture less similar than that to all is unknown.
        margin: By which the best product must lead the next one.
        score: What the two come to on the pictures that they were chosen on; None where they were not.
    """

    threshold: float
    margin: float
    score: GalleryScore | None

    def __str__(self) -> str:
        """Return it for people."""
        told = f"threshold {self.threshold:.3f}, margin {self.margin:.3f}"
        if self.score is None:
            return f"{told}: not chosen on pictures"
        return (
            f"{told}: with {self.score.pictures} pictures a product {self.score.told:.2f} of known products are told "
            f"right and {self.score.mistaken:.2f} wrong, {self.score.strangers_unknown:.2f} of strangers are unknown"
        )


def embeddings_of(
    classifier: Classifier, pictures: Mapping[str, Iterable[NDArray[np.uint8]]]
) -> dict[str, list[NDArray[np.float32]]]:
    """Return what a box's own classifier makes of pictures, by product.

    Args:
        classifier: Gives embeddings.
        pictures: By product, each (H, W, 3) uint8 BGR.

    Raises:
        EdgekitError: The classifier gives no embeddings.
    """
    found = {name: [classifier.classify(picture).embedding for picture in shown] for name, shown in pictures.items()}
    if any(len(row) == 0 for rows in found.values() for row in rows):
        raise EdgekitError("the classifier gives no embeddings: export it anew with `edgekit train export --embedding`")
    return found


def bounds_of(
    embeddings: Embeddings,
    reference: Embeddings | None,
    threshold: float | None,
    margin: float | None,
    *,
    shown: Embeddings | None = None,
) -> Bounds:
    """Return a gallery's threshold and margin: those given, or else chosen on pictures.

    Without a reference the gallery's own pictures have to do, one of each product held against the others.

    Args:
        embeddings: Of the gallery, by product.
        reference: By product, of pictures to choose on; None where there are none.
        threshold: To be taken as it is.
        margin: To be taken as it is.
        shown: Other pictures of the reference's products, to show to galleries of them; see `calibrate_gallery`.

    Raises:
        EdgekitError: A product has too many pictures, or the reference has too few.
    """
    many = [name for name, rows in embeddings.items() if len(rows) > MOST_PICTURES]
    if many:
        raise EdgekitError(f"{', '.join(many)}: more than {MOST_PICTURES} pictures of a product belong into a training")
    if threshold is not None and margin is not None:
        return Bounds(threshold, margin, None)
    fewest = min((len(rows) for rows in embeddings.values()), default=0)
    if reference is not None:
        found = calibrate_gallery(reference, max(1, fewest), shown=shown)
    elif fewest > 1 and len(embeddings) >= LEAST_PRODUCTS:
        found = calibrate_gallery(embeddings, fewest - 1)
    else:
        return Bounds(_or(threshold, THRESHOLD), _or(margin, MARGIN), None)
    chosen = threshold is None and margin is None
    return Bounds(_or(threshold, found.threshold), _or(margin, found.margin), found.score if chosen else None)


def _or(given: float | None, otherwise: float) -> float:
    return otherwise if given is None else given


def confusable(gallery: Gallery) -> tuple[str, str, float] | None:
    """Return the two products whose pictures are most alike, and how much; None where there is one product alone."""
    owners = np.repeat(np.arange(len(gallery.names)), [product.pictures for product in gallery.record.products])
    similar = gallery.embeddings @ gallery.embeddings.T
    similar[owners[:, None] == owners] = -1.0
    row, column = np.unravel_index(int(similar.argmax()), similar.shape)
    if owners[row] == owners[column]:
        return None
    return gallery.names[owners[row]], gallery.names[owners[column]], float(similar[row, column])


def with_gallery(bundle: ClassifierBundle, gallery: Gallery, out: Path, key: Ed25519PrivateKey) -> ClassifierBundle:
    """Write a bundle anew with a gallery, in place of the one that it has, signed by a key; its release grows by one.

    Raises:
        EdgekitError: `out` exists or cannot be written, or the gallery is of another model's embeddings.
    """
    if gallery.width != bundle.manifest.embedding:
        raise EdgekitError(
            f"the gallery has embeddings of {gallery.width} columns, {bundle.directory} gives "
            f"{bundle.manifest.embedding}"
        )
    manifest = bundle.manifest.model_copy(update={"gallery": True, "release": bundle.manifest.release + 1})
    members = {entry.path: bundle.read(entry.path) for entry in bundle.manifest.files}
    return build_bundle(out, manifest, {**members, **gallery.files()}, key)
