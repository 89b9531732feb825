"""Products that were taught on a box: rows beside the bundle's own gallery, kept by the embedder that made them.

An update whose classifier computes with the same file keeps what was taught. Another one gives other embeddings, so its
products begin anew; the old file stays, and counts again if that classifier comes back.
"""

import base64
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, Field, PositiveInt, ValidationError

from devices.errors import EdgekitError
from devices.validation import explain
from edge.durable import set_aside, write_whole
from edge.model.bundle import ClassifierBundle
from edge.model.gallery import MARGIN, THRESHOLD, Gallery, build_gallery
from edge.model.manifest import ModelFile, Part, Sha256
from edge.model.taxonomy import ProductName
from edge.plain_file import read_plain

_log = logging.getLogger(__name__)

MOST_PICTURES_TAUGHT = 2000  # of all products together: each look at a crop is compared with every one of them
MOST_BYTES = 32 << 20  # of the file: as many pictures of a network with wide embeddings, and no more


class Teaching(Part):
    """What one command taught."""

    id: str = Field(description="of the command")
    client: str
    at: AwareDatetime
    product: ProductName
    pictures: PositiveInt
    rows: str = Field(description="base64 of (pictures, width) float32, little-endian, rows of unit length")

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """Return its rows (pictures, width)."""
        numbers = np.frombuffer(base64.b64decode(self.rows, validate=True), "<f4").astype(np.float32)
        return numbers.reshape(self.pictures, -1)


class OverlayState(Part):
    """The file."""

    schema_id: Literal["edgekit.taught/1"] = Field(default="edgekit.taught/1", alias="schema")
    embedder: Sha256
    teachings: tuple[Teaching, ...]


def encoded(rows: Sequence[NDArray[np.float32]]) -> str:
    """Return embeddings in the form of a `Teaching`."""
    return base64.b64encode(np.stack(list(rows)).astype("<f4").tobytes()).decode()


def embedder_of(bundle: ClassifierBundle, model: ModelFile) -> str:
    """Return the digest of what computes embeddings: a model file, with the weights beside it."""
    weights = str(PurePosixPath(model.path).with_suffix(".bin"))
    digests = [entry.sha256 for entry in bundle.manifest.files if entry.path in (model.path, weights)]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Overlay:
    """All that was taught with one embedder, oldest first; each change is a new one, on disk before it is returned.

    Attributes:
        folder: Where its file lies.
        embedder: Digest of the model.
        teachings: In the order of their commands.
        set_aside: Where a file is kept that could not be used, None where there was none.
    """

    folder: Path
    embedder: str
    teachings: tuple[Teaching, ...] = ()
    set_aside: Path | None = None

    @classmethod
    def open(cls, folder: Path, embedder: str, width: int) -> "Overlay":
        """Return what was taught with an embedder of `width` columns; nothing where nothing was.

        A file that is none of this form, or larger than any, is renamed to `<name>.corrupt-N`, and nothing is taught:
        a box goes on seeing without it.

        Raises:
            EdgekitError: The folder cannot be made, or the file cannot be read or renamed.
        """
        overlay = cls(folder, embedder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not overlay._path.exists():
                return overlay
            try:
                if overlay._path.stat().st_size > MOST_BYTES:
                    raise ValueError(f"it is larger than {MOST_BYTES >> 20} MiB")  # noqa: TRY301 - as what is none
                content = read_plain(overlay._path, MOST_BYTES)
                return replace(overlay, teachings=_teachings(content, embedder, width))
            except ValueError as exc:
                aside = set_aside(overlay._path)
                _log.error("what was taught here cannot be used (%s): kept as %s, teach anew", exc, aside)
                return replace(overlay, set_aside=aside)
        except OSError as exc:
            raise EdgekitError(f"cannot use {folder} for what is taught ({exc.strerror}): check [classifier]") from exc

    @property
    def _path(self) -> Path:
        return self.folder / f"taught-{self.embedder[:16]}.json"

    @property
    def digest(self) -> str | None:
        """sha256 of all that was taught, None where nothing was; what events name it by."""
        return hashlib.sha256(self._content).hexdigest() if self.teachings else None

    @property
    def _content(self) -> bytes:
        state = OverlayState(embedder=self.embedder, teachings=self.teachings)
        return (state.model_dump_json(indent=1, by_alias=True) + "\n").encode()

    def pictures_of(self, product: str) -> int:
        """Return from how many pictures a product was taught."""
        return sum(one.pictures for one in self.teachings if one.product == product)

    def with_teaching(self, teaching: Teaching) -> "Overlay":
        """Return one with a teaching more, not on disk yet.

        Raises:
            EdgekitError: More than a box keeps would be taught.
        """
        taught = Overlay(self.folder, self.embedder, (*self.teachings, teaching))
        pictures = sum(one.pictures for one in taught.teachings)
        size = len(taught._content)
        if pictures > MOST_PICTURES_TAUGHT or size > MOST_BYTES:
            raise EdgekitError(
                f"{pictures} taught pictures of {size / 2**20:.1f} MiB would be more than this box keeps "
                f"({MOST_PICTURES_TAUGHT} and {MOST_BYTES >> 20} MiB): take products back by undo_teach, or train"
            )
        return taught

    def without_last(self, product: str | None) -> tuple["Overlay", Teaching]:
        """Return one without the last teaching, or the last of a product, not on disk yet; and what that was.

        Raises:
            EdgekitError: There is none.
        """
        for place in reversed(range(len(self.teachings))):
            if product is None or self.teachings[place].product == product:
                rest = (*self.teachings[:place], *self.teachings[place + 1 :])
                return Overlay(self.folder, self.embedder, rest), self.teachings[place]
        raise EdgekitError(f"nothing was taught here{f' of {product}' if product is not None else ''}")

    def save(self) -> None:
        """Bring it to disk.

        Raises:
            EdgekitError: It cannot be written; what stood there stands.
        """
        try:
            write_whole(self._path, self._content, 0o600)
        except OSError as exc:
            raise EdgekitError(f"what is taught cannot be written to {self._path}: {exc.strerror}") from exc

    def over(self, gallery: Gallery | None) -> Gallery | None:
        """Return a bundle's gallery, None where it brings none, with all that was taught beside it."""
        if not self.teachings:
            return gallery
        rows: dict[str, list[NDArray[np.float32]]] = {}
        if gallery is not None:
            begin = 0
            for product in gallery.record.products:
                rows[product.name] = list(gallery.embeddings[begin : begin + product.pictures])
                begin += product.pictures
        for teaching in self.teachings:
            rows.setdefault(teaching.product, []).extend(teaching.embeddings)
        if gallery is None:
            return build_gallery(rows, threshold=THRESHOLD, margin=MARGIN)
        record = gallery.record
        return build_gallery(rows, attribute=record.attribute, threshold=record.threshold, margin=record.margin)


def _teachings(content: bytes, embedder: str, width: int) -> tuple[Teaching, ...]:
    """Return what a file holds.

    Raises:
        ValueError: It is none of this form, or of another embedder.
    """
    try:
        state = OverlayState.model_validate_json(content)
    except ValidationError as exc:
        raise ValueError(f"it is no overlay of a gallery: {explain(exc, OverlayState)}") from exc
    if state.embedder != embedder or any(one.embeddings.shape[1] != width for one in state.teachings):
        raise ValueError("it is of another embedder")
    return state.teachings
