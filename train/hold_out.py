"""Parts a set in two: what a network learns, and products, or cameras, that it never sees."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from devices.errors import EdgekitError
from edge.evaluate.dataset import ALL_SPLITS, DetectionSet, open_set
from edge.evaluate.groups import GROUPS, Groups
from edge.evaluate.tagged_set import IMAGES, TaggedPicture, TaggedSet
from edge.model.taxonomy import LEAST_VALUES, Attribute, Taxonomy
from edge.new_folder import new_folder
from train.grouping import known_groups
from train.sets import describe
from train.tagged_sets import write_tagged_set
from train.take import copy_picture


@dataclass(frozen=True, slots=True)
class Parted:
    """A tagged set in two."""

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


def hold_out_groups(
    opened: DetectionSet, heading: str, chosen: Sequence[str], kept: Path, held_out: Path, pattern: str | None = None
) -> tuple[DetectionSet, DetectionSet]:
    """Write a detection set's pictures of some groups into a set of their own, and all others into another.

    Parts stay what they were.

    Args:
        opened: It is only read.
        heading: Under which pictures have groups, `camera` or `site`.
        chosen: The groups that are held out.
        kept: The new folder of the others.
        held_out: The new folder of these.
        pattern: Reads groups from file names; see `train.grouping.known_groups`.

    Raises:
        EdgekitError: There is no such group, none but them, or a folder exists.
    """
    pictures = [picture for split in ALL_SPLITS for picture in opened.pictures(split)]
    groups = known_groups(opened, [picture.name for picture in pictures], None, pattern)
    names = {name for picture in pictures if (name := groups.of(picture.name, heading)) is not None}
    if strangers := sorted(set(chosen) - names):
        known = ", ".join(sorted(names)) or "none"
        raise EdgekitError(f"{opened.folder} has no group {', '.join(strangers)} by {heading}, but {known}")
    outside = [picture for picture in pictures if groups.of(picture.name, heading) in chosen]
    inside = [picture for picture in pictures if groups.of(picture.name, heading) not in chosen]
    if not inside:
        raise EdgekitError(f"{opened.folder} has no picture but of {', '.join(sorted(chosen))}: nothing would be kept")
    told = f"without {', '.join(sorted(chosen))}"
    return (
        _write_groups(opened, inside, groups, kept, "kept", f"{told} by {heading}"),
        _write_groups(opened, outside, groups, held_out, "held-out", f"{', '.join(sorted(chosen))} by {heading}"),
    )


def _write_groups(
    opened: DetectionSet, pictures: Sequence[Path], groups: Groups, out: Path, ending: str, told: str
) -> DetectionSet:
    described = opened.description
    with new_folder(out) as folder:
        for picture in pictures:
            copy_picture(opened, picture, folder, labelled=True)
        taken = Groups(pictures={picture.name: groups.pictures[picture.name] for picture in pictures})
        (folder / GROUPS).write_text(taken.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
        describe(
            folder,
            name=f"{described.name[:80]}-{ending}",
            licence=described.licence,
            source=f"{described.source}, {told}",
            labelled=described.labelled,
            classes=described.classes,
        )
    return open_set(out)


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
