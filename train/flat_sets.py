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
    flat = flat_taxonomy(described.taxonomy)
    index = {value: number for number, value in enumerate(flat.attributes[0].values)}
    pictures = [
        replace(picture, tags=(tuple(sorted(index[said] for said in _said(picture, described.taxonomy))),))
        for picture in tagged_set.pictures
    ]
    return write_tagged_set(
        out,
        name=f"{described.name}-{LABELS}",
        licence=described.licence,
        source=described.source,
        taxonomy=flat,
        pictures=pictures,
        origin=tagged_set.folder / IMAGES,
    )


def flat_taxonomy(taxonomy: Taxonomy) -> Taxonomy:
    """Return the one attribute of several values that says all that a taxonomy's attributes say."""
    values = [_label(attribute.name, value) for attribute in taxonomy.attributes for value in attribute.values]
    return Taxonomy(attributes=(Attribute(name=LABELS, values=tuple(values), multiple=True),))


def as_before(picture: TaggedPicture, taxonomy: Taxonomy) -> TaggedPicture:
    """Return a picture of a flat set as it was tagged before.

    Args:
        picture: Of a set that `flatten_set` wrote.
        taxonomy: Of the set that it was made of.
    """
    index = {value: number for number, value in enumerate(flat_taxonomy(taxonomy).attributes[0].values)}
    said = set(picture.tags[0])
    tags = tuple(
        tuple(place for place, value in enumerate(one.values) if index[_label(one.name, value)] in said)
        for one in taxonomy.learnt
    )
    return replace(picture, tags=tags)


def _said(picture: TaggedPicture, taxonomy: Taxonomy) -> Iterator[str]:
    """Yield all that is said of a picture as labels."""
    for attribute, indices in zip(taxonomy.learnt, picture.tags, strict=True):
        for index in indices:
            yield _label(attribute.name, attribute.values[index])
            for implied in taxonomy.implied(attribute.name):
                yield _label(implied.name, implied.values[implied.follows[index]])


def _label(name: str, value: str) -> str:
    return f"{name}={value}"
