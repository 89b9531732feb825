"""Products known from a few pictures each: an index of embeddings, searched by cosine similarity.

Two files: `gallery.json` says whose the rows are, `gallery.npy` holds them, a plain array that is read without pickle.
In a bundle both are signed like all others.
"""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, ValidationError

from devices.errors import EdgekitError
from edge.model.manifest import Part, Share
from edge.model.taxonomy import Name

RECORD = "gallery.json"
MATRIX = "gallery.npy"
THRESHOLD = 0.7
MARGIN = 0.05
# What `files` writes before the numbers. A header of numpy.load's freedom may name any size, or be another format.
_HEADER = re.compile(
    rb"(?s)\x93NUMPY\x01\x00..\{'descr': '<f4', 'fortran_order': False, 'shape': \((\d{1,9}), (\d{1,9})\), \} *\n"
)
_UNIT = 1e-2  # by which a row's length may differ from 1


class GalleryProduct(Part):
    """One product, and how many rows are its own."""

    name: str = Field(min_length=1)
    pictures: PositiveInt


class GalleryRecord(Part):
    """What a gallery says of itself; rows stand in the order of the products."""

    schema_id: Literal["edgekit.gallery/1"] = Field(default="edgekit.gallery/1", alias="schema")
    attribute: Name = Field(default="product", description="key of the tags that it gives")
    threshold: Share = Field(default=THRESHOLD, description="a picture less similar than that to all is unknown")
    margin: Share = Field(default=MARGIN, description="by which the best product must lead the next one")
    products: tuple[GalleryProduct, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Match:
    """The product that a picture shows, and the cosine similarity to its most similar picture."""

    name: str
    score: float


class Gallery:
    """An index of products.

    Args:
        record: Whose the rows are.
        embeddings: (n, width) float32, rows of unit length.

    Raises:
        EdgekitError: The two do not belong together, or the rows are no unit vectors.
    """

    def __init__(self, record: GalleryRecord, embeddings: NDArray[np.float32]) -> None:
        rows = sum(product.pictures for product in record.products)
        if embeddings.ndim != 2 or embeddings.dtype != np.float32 or len(embeddings) != rows:  # noqa: PLR2004
            raise EdgekitError(
                f"{MATRIX} is {embeddings.shape} {embeddings.dtype}, not ({rows}, width) float32 as {RECORD} says"
            )
        if not (np.abs(np.linalg.norm(embeddings, axis=1) - 1) < _UNIT).all():
            raise EdgekitError(f"{MATRIX} holds rows that are not of unit length: build the gallery anew")
        names = [product.name for product in record.products]
        if len(set(names)) != len(names):
            raise EdgekitError(f"{RECORD} names a product twice")
        self.record = record
        self.embeddings = embeddings
        self._names = names
        self._first_rows = np.cumsum([0, *(product.pictures for product in record.products[:-1])])

    @property
    def names(self) -> tuple[str, ...]:
        """All products."""
        return tuple(self._names)

    @property
    def width(self) -> int:
        """Columns of an embedding."""
        return int(self.embeddings.shape[1])

    def similar(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the cosines (products,) of an embedding (width,) of unit length to each product's nearest picture."""
        return np.maximum.reduceat(self.embeddings @ embedding, self._first_rows)

    def search(self, embedding: NDArray[np.float32]) -> Match | None:
        """Return the product that an embedding (width,) of unit length is of, None where none is near or two are."""
        similar = self.similar(embedding)
        best = int(similar.argmax())
        score = float(similar[best])
        rival = float(np.delete(similar, best).max(initial=-1.0))
        if score < self.record.threshold or score - rival < self.record.margin:
            return None
        return Match(self._names[best], min(1.0, score))

    def files(self) -> dict[str, bytes]:
        """Return the gallery's two files by name."""
        matrix = io.BytesIO()
        np.save(matrix, np.ascontiguousarray(self.embeddings), allow_pickle=False)
        return {
            RECORD: (self.record.model_dump_json(indent=1, by_alias=True) + "\n").encode(),
            MATRIX: matrix.getvalue(),
        }


def read_gallery(record: bytes, matrix: bytes, where: str) -> Gallery:
    """Return the gallery that two files hold.

    Args:
        record: The content of `gallery.json`.
        matrix: The content of `gallery.npy`.
        where: They lie, for messages.

    Raises:
        EdgekitError: They are no gallery.
    """
    try:
        known = GalleryRecord.model_validate_json(record)
        return Gallery(known, _read_matrix(matrix))
    except ValidationError as exc:
        raise EdgekitError(f"{RECORD} of {where} is no gallery: {exc.errors()[0]['msg']}") from exc
    except ValueError as exc:
        raise EdgekitError(f"{MATRIX} of {where} cannot be read: {exc}") from exc
    except EdgekitError as exc:
        raise EdgekitError(f"the gallery of {where} cannot be used: {exc}") from exc


def _read_matrix(matrix: bytes) -> NDArray[np.float32]:
    """Return the array of a file as `files` writes it: nothing is reserved or read that its own length does not hold.

    Raises:
        ValueError: It is another kind of file, or its header and its length do not agree.
    """
    found = _HEADER.match(matrix)
    if found is None:
        raise ValueError("it is no array of float32 of two dimensions, row by row")
    rows, width = (int(side) for side in found.groups())
    numbers = matrix[found.end() :]
    if len(numbers) != rows * width * np.dtype(np.float32).itemsize:
        raise ValueError(f"it has {len(numbers)} bytes of numbers, and says ({rows}, {width})")
    return np.frombuffer(numbers, "<f4").astype(np.float32).reshape(rows, width)


def build_gallery(
    embeddings: Mapping[str, Sequence[NDArray[np.float32]]],
    *,
    attribute: str = "product",
    threshold: float = THRESHOLD,
    margin: float = MARGIN,
) -> Gallery:
    """Return a gallery of products.

    Args:
        embeddings: By product, those of its pictures, each (width,) of unit length.
        attribute: Key of the tags that it gives.
        threshold: A picture less similar than that to all is unknown.
        margin: By which the best product must lead the next one.

    Raises:
        EdgekitError: There is no product, or one has no picture.
    """
    empty = [name for name, rows in embeddings.items() if not rows]
    if empty or not embeddings:
        raise EdgekitError(f"a gallery needs a picture of each product: {', '.join(empty) or 'there is no product'}")
    products = tuple(GalleryProduct(name=name, pictures=len(rows)) for name, rows in sorted(embeddings.items()))
    record = GalleryRecord(attribute=attribute, threshold=threshold, margin=margin, products=products)
    rows = chain.from_iterable(rows for _, rows in sorted(embeddings.items()))
    return Gallery(record, np.stack(list(rows)).astype(np.float32))
