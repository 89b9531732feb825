"""The pictures that the bundled classifier is shown: photos of a tagged set, and drawings of what it never learnt."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import open_tagged_set
from edge.model.picture import read_picture

HERE = Path(__file__).parent / "shop"
PRODUCT = "product"
PART = "val"
MOST_OF_A_SET = 15


@dataclass(frozen=True, slots=True, eq=False)
class ShownPicture:
    """One picture, and what is on it.

    Attributes:
        file: Its name.
        product: The product that people say is on it; None for something that was never learnt.
        image: (H, W, 3) uint8 BGR.
    """

    file: str
    product: str | None
    image: NDArray[np.uint8]


def strangers() -> tuple[ShownPicture, ...]:
    """Return drawings of what no shop of the set sells, which come with the kit.

    Raises:
        EdgekitError: One cannot be read.
    """
    return tuple(ShownPicture(path.name, None, read_picture(path)) for path in sorted(HERE.glob("strangers/*.jpg")))


def pictures_of_set(folder: Path) -> tuple[ShownPicture, ...]:
    """Return pictures of a set's val part, evenly spread over it.

    Raises:
        EdgekitError: It is no tagged set, its pictures have no products, or there is none to show.
    """
    tagged_set = open_tagged_set(folder)
    learnt = tagged_set.description.taxonomy.learnt
    column = next((index for index, attribute in enumerate(learnt) if attribute.name == PRODUCT), None)
    if column is None or learnt[column].multiple:
        raise EdgekitError(f"the pictures of {folder} have no {PRODUCT}: name a set that says one of each picture")
    held = tagged_set.part(PART)
    if not held:
        raise EdgekitError(f"{folder} has no picture in its part {PART}, and those of train were learnt from")
    count = min(MOST_OF_A_SET, len(held))
    spread = [held[index * len(held) // count] for index in range(count)]
    values = learnt[column].values
    return tuple(ShownPicture(one.path.name, values[one.tags[column][0]], read_picture(one.path)) for one in spread)
