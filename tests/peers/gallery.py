"""What a gallery tells of products that a network never learnt: galleries of train pictures, shown val pictures.

    python tests/peers/gallery.py SET --backbone tf_efficientnet_lite0 --every 4 --input-px 192

Every n-th product of the set is new. Threshold and margin are chosen on the other products, which the ImageNet weights
never saw either, and held against the new ones.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edge.evaluate.tagged_set import TaggedPicture, TaggedSet, open_tagged_set
from edge.model.gallery_calibration import calibrate_gallery, score_gallery
from train.classifier.backbones import create_backbone
from train.classifier.network import TagNetwork
from train.classifier.pictures import read_pictures
from train.classifier.scores import features_of
from train.classifier.settings import NetworkSettings

DRAWS = 30
MOST = 24  # train pictures of a product


@dataclass(frozen=True, slots=True)
class Part:
    """Unit features (N, width) of a part's pictures, and their products (N,)."""

    embeddings: NDArray[np.float32]
    products: NDArray[np.int64]

    def by_name(self, products: Sequence[int]) -> dict[str, list[NDArray[np.float32]]]:
        """Return the embeddings of some products, by name."""
        return {str(one): [*self.embeddings[self.products == one]] for one in products}


def read_part(tagged_set: TaggedSet, part: str, network: TagNetwork, side: int) -> Part:
    """Return what a network makes of a part, at most `MOST` pictures of each product of train."""
    taken: dict[int, list[TaggedPicture]] = {}
    for picture in tagged_set.part(part):
        of_one = taken.setdefault(picture.tags[0][0], [])
        if part != "train" or len(of_one) < MOST:
            of_one.append(picture)
    pictures = [picture for of_one in taken.values() for picture in of_one]
    read, _ = read_pictures(pictures, tagged_set.description.taxonomy, side)
    with torch.autocast("cpu", torch.bfloat16):
        features = features_of(network, read.images).float().numpy()
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    return Part(unit.astype(np.float32), np.array([picture.tags[0][0] for picture in pictures]))


def nearest(train: Part, val: Part, products: Sequence[int], pictures: int) -> tuple[float, float, int]:
    """Return the share of val pictures whose nearest picture is of their product, its deviation, and their number."""
    rng = np.random.default_rng(0)
    asked = np.flatnonzero(np.isin(val.products, products))
    shares: list[float] = []
    for _ in range(DRAWS):
        drawn = np.concatenate([rng.permutation(np.flatnonzero(train.products == one))[:pictures] for one in products])
        similar = val.embeddings[asked] @ train.embeddings[drawn].T
        said = train.products[drawn][similar.argmax(axis=1)]
        shares.append(float((said == val.products[asked]).mean()))
    return float(np.mean(shares)), float(np.std(shares)), len(asked)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--input-px", type=int, default=192)
    given = parser.parse_args()
    tagged_set = open_tagged_set(given.folder)
    network = TagNetwork(
        create_backbone(NetworkSettings(backbone=given.backbone)), tagged_set.description.taxonomy, 0.0
    ).eval()
    train, val = (read_part(tagged_set, part, network, given.input_px) for part in ("train", "val"))
    products = np.unique(train.products).tolist()
    new = [one for one in products if one % given.every == given.every - 1]
    others = [one for one in products if one not in new]
    for pictures in (1, 8):
        share, deviation, count = nearest(train, val, new, pictures)
        print(f"{pictures} pictures each: {share:.3f} +- {deviation:.3f} of {count} pictures nearest to their product")
        bounds = calibrate_gallery(train.by_name(others), pictures, shown=val.by_name(others))
        told = score_gallery(train.by_name(new), pictures, bounds.threshold, bounds.margin, shown=val.by_name(new))
        guessed = score_gallery(train.by_name(new), pictures, 0.7, 0.05, shown=val.by_name(new))
        print(f"  chosen {bounds.threshold:.3f}, {bounds.margin:.3f}: {told}\n  guessed 0.7, 0.05: {guessed}")


if __name__ == "__main__":
    main()
