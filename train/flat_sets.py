"""A tagged set told flat: one attribute of several values that holds what all its attributes say of a picture."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edge.evaluate.tagged_set import IMAGES, TaggedPicture, TaggedSet
from edge.model.taxonomy import Attribute, Taxonomy
from train.tagged_sets import write_tagged_set

LABELS = "labels"


def flatten_set(tagged_set: TaggedSet, out: Path) -> TaggedSet:
    """Copy a set, its pictures tagged with all that is said of them under one attribute.

    Args:
        tagged_set: Of any attributes; what follows from others is said too.
        out: The new set's folder. A value is named `attribute=value`, since two attributes may have the same.

    Raises:
        EdgekitError: `out` exists, or a picture cannot be copied.
    """
    described = tagged_set.description
    taxonomy = described.taxonomy
    values = [(one.name, value) for one in taxonomy.attributes for value in one.values]
    index = {value: number for number, value in enumerate(values)}
    pictures = [
        replace(picture, tags=(tuple(sorted(index[said] for said in _said(picture, taxonomy))),))
        for picture in tagged_set.pictures
    ]
    labels = Attribute(name=LABELS, values=tuple(f"{name}={value}" for name, value in values), multiple=True)
    return write_tagged_set(
        out,
        name=f"{described.name}-{LABELS}",
        licence=described.licence,
        source=described.source,
        taxonomy=Taxonomy(attributes=(labels,)),
        pictures=pictures,
        origin=tagged_set.folder / IMAGES,
    )


def _said(picture: TaggedPicture, taxonomy: Taxonomy) -> Iterator[tuple[str, str]]:
    """Yield attribute and value of all that is said of a picture."""
    for attribute, indices in zip(taxonomy.learnt, picture.tags, strict=True):
        for index in indices:
            yield attribute.name, attribute.values[index]
            for implied in taxonomy.implied(attribute.name):
                yield implied.name, implied.values[implied.follows[index]]
