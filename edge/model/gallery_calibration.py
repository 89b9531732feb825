"""How similar is similar enough: a gallery's threshold and margin, chosen on pictures instead of guessed.

Galleries are made again and again of some products of a reference, and shown other pictures of these and pictures of
the products that are left. So the figures are of products that a gallery knows from a few pictures, beside strangers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.gallery import Gallery, build_gallery

ROUNDS = 20
MOST_SHOWN = 16  # pictures of one product in a round, so that a common one does not decide
LEAST_PRODUCTS = 4
_MARGINS = np.linspace(0, 0.2, 41)
_THRESHOLDS = np.linspace(0, 1, 201)

Embeddings = Mapping[str, Sequence[NDArray[np.float32]]]


@dataclass(frozen=True, slots=True)
class GalleryScore:
    """How well galleries of a few pictures a product tell products, shares of pictures.

    Attributes:
        pictures: Of each product in a gallery.
        nearest: Pictures of known products of which the most similar product is the right one.
        told: Pictures of known products that are told right, at threshold and margin.
        mistaken: Pictures of known products that are told as another.
        strangers_unknown: Pictures of other products that are called unknown.
    """

    pictures: int
    nearest: float
    told: float
    mistaken: float
    strangers_unknown: float


@dataclass(frozen=True, slots=True)
class CalibratedGallery:
    """Threshold and margin, and what they come to on the reference."""

    threshold: float
    margin: float
    score: GalleryScore


@dataclass(frozen=True, slots=True)
class _Shown:
    """Pictures that were shown to galleries: columns.

    Attributes:
        similar: (N,) cosine to the most similar product.
        lead: (N,) by which it is more similar than the next product.
        right: (N,) whether it is the picture's product.
        known: (N,) whether the gallery knows the picture's product.
    """

    similar: NDArray[np.float64]
    lead: NDArray[np.float64]
    right: NDArray[np.bool_]
    known: NDArray[np.bool_]


def calibrate_gallery(
    reference: Embeddings, pictures: int, *, shown: Embeddings | None = None, seed: int = 0
) -> CalibratedGallery:
    """Return the threshold and margin at which known products told right and strangers called unknown are most.

    Both shares count alike.

    Args:
        reference: By product, embeddings (width,) of unit length; best of products that the model never learnt.
        pictures: Of each product in the galleries to come.
        shown: By product, other pictures to show to galleries; None for what is left of the reference's own, which
            flatters: pictures of one series are alike, those of another day or place are not.
        seed: Of the draws.

    Raises:
        EdgekitError: The reference has too few products with enough pictures.
    """
    tried = _try(reference, pictures, shown, seed)
    worth = np.zeros((len(_THRESHOLDS), len(_MARGINS)))
    for row, threshold in enumerate(_THRESHOLDS):
        for column, margin in enumerate(_MARGINS):
            score = _score(tried, pictures, float(threshold), float(margin))
            worth[row, column] = score.told + score.strangers_unknown
    reached = worth >= worth.max() - 1e-9
    column = int(reached.any(axis=0).argmax())  # the least margin that will do,
    rows = np.flatnonzero(reached[:, column])
    row = int(rows[len(rows) // 2])  # and amid the thresholds: as far from known products as from strangers
    threshold, margin = round(float(_THRESHOLDS[row]), 4), round(float(_MARGINS[column]), 4)
    return CalibratedGallery(threshold, margin, _score(tried, pictures, threshold, margin))


def score_gallery(
    reference: Embeddings,
    pictures: int,
    threshold: float,
    margin: float,
    *,
    shown: Embeddings | None = None,
    seed: int = 0,
) -> GalleryScore:
    """Return how well galleries of a reference's products tell them; arguments as of `calibrate_gallery`.

    Raises:
        EdgekitError: The reference has too few products with enough pictures.
    """
    return _score(_try(reference, pictures, shown, seed), pictures, threshold, margin)


def _try(reference: Embeddings, pictures: int, shown: Embeddings | None, seed: int) -> _Shown:
    """Show pictures to galleries of half of the products, again and again.

    Raises:
        EdgekitError: Too few products have enough pictures.
    """
    others = {name: np.stack(list(rows)) for name, rows in shown.items() if len(rows)} if shown is not None else None
    least = pictures + (others is None)
    products = {
        name: np.stack(list(rows))
        for name, rows in sorted(reference.items())
        if len(rows) >= least and (others is None or name in others)
    }
    if len(products) < LEAST_PRODUCTS:
        raise EdgekitError(
            f"{len(products)} products have {least} pictures or more{'' if others is None else ' and others to show'}, "
            f"{LEAST_PRODUCTS} are needed to try galleries of them: give a larger set, or name threshold and margin"
        )
    rng = np.random.default_rng(seed)
    columns: list[tuple[float, float, bool, bool]] = []
    for _ in range(ROUNDS):
        names = [str(name) for name in rng.permutation(list(products))]
        known = names[: (len(names) + 1) // 2]
        drawn = {name: rng.permutation(products[name]) for name in names}
        gallery = build_gallery({name: [*drawn[name][:pictures]] for name in known})
        for name in names:
            left = drawn[name][pictures:] if others is None else rng.permutation(others[name])
            columns += [(*_nearest(gallery, row, name), name in known) for row in left[:MOST_SHOWN]]
    similar, lead, right, is_known = zip(*columns, strict=True)
    return _Shown(np.array(similar), np.array(lead), np.array(right, bool), np.array(is_known, bool))


def _nearest(gallery: Gallery, embedding: NDArray[np.float32], name: str) -> tuple[float, float, bool]:
    similar = gallery.similar(embedding)
    rival, best = np.partition(similar, -2)[-2:]
    return float(best), float(best - rival), gallery.names[int(similar.argmax())] == name


def _score(tried: _Shown, pictures: int, threshold: float, margin: float) -> GalleryScore:
    told = (tried.similar >= threshold) & (tried.lead >= margin)
    known = tried.known
    return GalleryScore(
        pictures=pictures,
        nearest=float(tried.right[known].mean()),
        told=float((told & tried.right)[known].mean()),
        mistaken=float((told & ~tried.right)[known].mean()),
        strangers_unknown=float((~told)[~known].mean()),
    )
