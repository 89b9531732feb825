"""From a few pictures of each product to a gallery, and into a classifier's bundle."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.bundle import ClassifierBundle, build_bundle
from edge.model.classifier import Classifier
from edge.model.gallery import MARGIN, THRESHOLD, Gallery, build_gallery

MOST_PICTURES = 8  # of a product; more belong into a training


def gallery_of(
    classifier: Classifier,
    pictures: Mapping[str, Sequence[NDArray[np.uint8]]],
    *,
    attribute: str = "product",
    threshold: float = THRESHOLD,
    margin: float = MARGIN,
) -> Gallery:
    """Return a gallery of products, from what a box's own classifier makes of their pictures.

    Args:
        classifier: Gives embeddings.
        pictures: By product, each (H, W, 3) uint8 BGR.
        attribute: Key of the tags that the gallery gives.
        threshold: A picture less similar than that to all is unknown.
        margin: By which the best product must lead the next one.

    Raises:
        EdgekitError: The classifier gives no embeddings, or a product has no picture or too many.
    """
    many = [name for name, shown in pictures.items() if len(shown) > MOST_PICTURES]
    if many:
        raise EdgekitError(f"{', '.join(many)}: more than {MOST_PICTURES} pictures of a product belong into a training")
    embeddings = {
        name: [classifier.classify(picture).embedding for picture in shown] for name, shown in pictures.items()
    }
    if any(len(row) == 0 for rows in embeddings.values() for row in rows):
        raise EdgekitError("the classifier gives no embeddings: export it anew with `edgekit train export --embedding`")
    return build_gallery(embeddings, attribute=attribute, threshold=threshold, margin=margin)


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
