"""Parts a tagged set by the values of an attribute: what a network learns, and products that it never sees."""

from dataclasses import dataclass, replace
from pathlib import Path

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import IMAGES, TaggedPicture, TaggedSet
from edge.model.taxonomy import LEAST_VALUES, Attribute, Taxonomy
from train.tagged_sets import write_tagged_set


@dataclass(frozen=True, slots=True)
class Parted:
    """A set in two."""

    kept: TaggedSet
    held_out: TaggedSet


def hold_out_values(tagged_set: TaggedSet, attribute: str, every: int, kept: Path, held_out: Path) -> Parted:
    """Write every n-th value of an attribute into a set of its own, and all others into another.

    Values stand in the order of their set, so that every category gives some where its products stand together.

    Args:
        tagged_set: It is only read.
        attribute: A learnt one of one value.
        every: Which of its values are held out: each n-th.
        kept: The new folder of the others.
        held_out: The new folder of these.

    Raises:
        EdgekitError: There is no such attribute, too few values for it, or a folder exists.
    """
    taxonomy = tagged_set.description.taxonomy
    names = [one.name for one in taxonomy.learnt if not one.multiple]
    if attribute not in names:
        raise EdgekitError(f"{tagged_set.folder} has no learnt attribute {attribute} of one value, but {names}")
    values = len(next(one for one in taxonomy.learnt if one.name == attribute).values)
    chosen = tuple(index for index in range(values) if index % every == every - 1)
    others = tuple(index for index in range(values) if index not in chosen)
    if min(len(chosen), len(others)) < LEAST_VALUES:
        raise EdgekitError(f"{attribute} has {values} values: every {every} leaves less than {LEAST_VALUES} in a part")
    return Parted(_write(tagged_set, attribute, others, kept), _write(tagged_set, attribute, chosen, held_out))


def _write(tagged_set: TaggedSet, attribute: str, indices: tuple[int, ...], out: Path) -> TaggedSet:
    described = tagged_set.description
    position = [one.name for one in described.taxonomy.learnt].index(attribute)
    new_index = {old: new for new, old in enumerate(indices)}

    def renumbered(picture: TaggedPicture) -> TaggedPicture:
        tags = list(picture.tags)
        tags[position] = (new_index[tags[position][0]],)
        return replace(picture, tags=tuple(tags))

    taxonomy = Taxonomy(attributes=tuple(_taken(one, attribute, indices) for one in described.taxonomy.attributes))
    return write_tagged_set(
        out,
        name=f"{described.name}-{len(indices)}-{attribute}",
        licence=described.licence,
        source=described.source,
        taxonomy=taxonomy,
        pictures=[renumbered(one) for one in tagged_set.pictures if one.tags[position][0] in new_index],
        origin=tagged_set.folder / IMAGES,
    )


def _taken(attribute: Attribute, source: str, indices: tuple[int, ...]) -> Attribute:
    """Return an attribute with some values of the source alone, or what follows from these."""
    if attribute.name == source:
        return attribute.model_copy(update={"values": tuple(attribute.values[index] for index in indices)})
    if attribute.implied_by == source:
        return attribute.model_copy(update={"follows": tuple(attribute.follows[index] for index in indices)})
    return attribute
