"""An old tagged set and new ones as one: values that nobody has named are refused, old pictures are replayed."""

import random
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from devices.errors import EdgekitError
from devices.validation import checked
from edge.evaluate.tagged_set import IMAGES, TaggedPicture, TaggedSet
from edge.model.taxonomy import Attribute, Taxonomy
from train.tagged_sets import write_tagged_set


def grown(old: Taxonomy, added: Sequence[TaggedSet], new_values: Sequence[str]) -> Taxonomy:
    """Return a taxonomy with the new values of added sets behind its own, so that all that was keeps its place.

    Args:
        old: What the champion tells.
        added: Sets with at least its learnt attributes.
        new_values: Values that may be new; none else, and each of them has to be.

    Raises:
        EdgekitError: A set lacks an attribute, has values that are not named, or does not say what follows from them.
    """
    found: dict[str, list[str]] = {attribute.name: [] for attribute in old.learnt}
    for tagged in added:
        theirs = tagged.description.taxonomy
        for attribute in old.learnt:
            other = theirs.attribute(attribute.name)
            if other is None or other.multiple != attribute.multiple:
                raise EdgekitError(f"{tagged.folder} is not tagged by {attribute.name}, which the bundle tells")
            fresh = [value for value in other.values if value not in (*attribute.values, *found[attribute.name])]
            found[attribute.name] += fresh
    unknown = [value for values in found.values() for value in values]
    if strangers := sorted(set(unknown) - set(new_values)):
        raise EdgekitError(
            f"the bundle does not know {', '.join(strangers)}, which the added sets are tagged by: mend the tags, or "
            f"let it learn them: {' '.join(f'--new-class {value}' for value in strangers)}"
        )
    if absent := sorted(set(new_values) - set(unknown)):
        raise EdgekitError(f"{', '.join(absent)} is in no added set, or known to the bundle already")
    learnt = [one.model_copy(update={"values": (*one.values, *found[one.name])}) for one in old.learnt]
    following = [
        _following(one, found[one.implied_by or ""], added) for one in old.attributes if one.implied_by is not None
    ]
    return checked(Taxonomy, attributes=(*learnt, *following))


def _following(attribute: Attribute, fresh: Sequence[str], added: Sequence[TaggedSet]) -> Attribute:
    """Return an attribute that follows from another, with what follows from that one's new values.

    Raises:
        EdgekitError: No set says what does.
    """
    values, follows = list(attribute.values), list(attribute.follows)
    for value in fresh:
        told = {said for tagged in added if (said := _told(tagged.description.taxonomy, attribute, value)) is not None}
        if len(told) != 1:
            raise EdgekitError(
                f"which {attribute.name} {value} has is said {'in two ways' if told else 'by no added set'}: tag it, "
                f"and import with --implied {attribute.name}:{attribute.implied_by}"
            )
        (said,) = told
        values += [] if said in values else [said]
        follows.append(values.index(said))
    return attribute.model_copy(update={"values": tuple(values), "follows": tuple(follows)})


def _told(theirs: Taxonomy, attribute: Attribute, value: str) -> str | None:
    source, implied = theirs.attribute(attribute.implied_by or ""), theirs.attribute(attribute.name)
    if source is None or implied is None or implied.implied_by != source.name or value not in source.values:
        return None
    return implied.values[implied.follows[source.values.index(value)]]


def merge(old: TaggedSet, added: Sequence[TaggedSet], taxonomy: Taxonomy, out: Path, *, replay: float) -> TaggedSet:
    """Write one set of an old one and new ones; parts stay what they were.

    Args:
        old: Of its train part a share is replayed; val and test go in whole.
        added: Go in whole.
        taxonomy: Of all of them, see `grown`.
        out: The new folder.
        replay: Share of the old train part, the same of each value.

    Raises:
        EdgekitError: Something cannot be copied, or `out` exists.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as staging:
        pictures: list[TaggedPicture] = []
        for number, tagged in enumerate((old, *added)):
            place = Path(staging) / f"{number}-{tagged.description.name}"
            place.symlink_to((tagged.folder / IMAGES).resolve())
            taken = _replayed(tagged, replay) if number == 0 else tagged.pictures
            pictures += [_moved(picture, tagged, taxonomy, place) for picture in taken]
        licences = sorted({tagged.description.licence for tagged in (old, *added)})
        return write_tagged_set(
            out,
            name=f"{old.description.name}-grown",
            licence=" AND ".join(licences) if "unstated" not in licences else "unstated",
            source="; ".join(tagged.description.source for tagged in (old, *added)),
            taxonomy=taxonomy,
            pictures=pictures,
            origin=Path(staging),
        )


def _replayed(old: TaggedSet, share: float) -> list[TaggedPicture]:
    by_tags: dict[tuple[tuple[int, ...], ...], list[TaggedPicture]] = defaultdict(list)
    for picture in old.part("train"):
        by_tags[picture.tags].append(picture)
    draws = random.Random(0)  # noqa: S311 - which pictures are replayed is no secret
    kept = [picture for alike in by_tags.values() for picture in draws.sample(alike, max(1, round(share * len(alike))))]
    return [*sorted(kept, key=lambda picture: picture.path), *old.part("val"), *old.part("test")]


def _moved(picture: TaggedPicture, tagged: TaggedSet, taxonomy: Taxonomy, place: Path) -> TaggedPicture:
    theirs = {attribute.name: index for index, attribute in enumerate(tagged.description.taxonomy.learnt)}
    tags = tuple(
        tuple(
            attribute.values.index(tagged.description.taxonomy.learnt[theirs[attribute.name]].values[index])
            for index in picture.tags[theirs[attribute.name]]
        )
        for attribute in taxonomy.learnt
    )
    group = f"{place.name}-{picture.group}" if picture.group else ""
    return replace(picture, path=place / picture.path.relative_to(tagged.folder / IMAGES), tags=tags, group=group)
