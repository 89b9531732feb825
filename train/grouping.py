"""Which pictures of a set belong together, by what is known of them, by their names, or by what they show."""

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devices.errors import EdgekitError
from devices.validation import checked, read_json
from edge.evaluate.dataset import DetectionSet
from edge.evaluate.groups import Groups, read_groups
from train.check.doubles import find_ties
from train.check.likeness import clusters
from train.check.limits import CheckLimits
from train.check.look import look_at_all

SIMILARITY = "similarity"
NAME = "name"  # the heading of a pattern whose group has no name of its own
_PICTURE = "picture"
# Looser than the doctor's own lines: what a split parts, the doctor must not find to be tied.
_TIED = CheckLimits(alike=0.85, agreeing_points=20)


@dataclass(frozen=True, slots=True)
class Heaps:
    """Which pictures must not be parted.

    Attributes:
        groups: What is known of the pictures, by file name.
        by: The headings whose groups stay together.
        members: The heaps, each the indices of its pictures; a picture without a group is one by itself.
    """

    groups: Groups
    by: tuple[str, ...]
    members: Sequence[Sequence[int]]


def heaps(
    opened: DetectionSet,
    names: Sequence[str],
    by: Sequence[str],
    file: Path | None,
    pattern: str | None,
    advance: Callable[[int], None] = lambda _: None,
) -> Heaps:
    """Return which pictures of a set must not be parted.

    Args:
        opened: The set.
        names: File names of all its pictures.
        by: Headings; none for all that there are, and `similarity`.
        file: More groups; see `known_groups`.
        pattern: See `known_groups`.
        advance: Called with steps as they are done, two a picture where pictures are compared.

    Raises:
        EdgekitError: A heading is unknown, or what tells the groups is not valid.
    """
    groups = known_groups(opened, names, file, pattern)
    wanted = tuple(by) or (*groups.headings, SIMILARITY)
    if SIMILARITY in wanted:
        groups = with_similarity(opened, groups, advance)
    unknown = [heading for heading in wanted if heading not in groups.headings]
    if unknown:
        known = ", ".join((*groups.headings, SIMILARITY))
        raise EdgekitError(f"nobody told the pictures of {opened.folder} by {unknown[0]}, but by {known}")
    return Heaps(groups, wanted, together(names, groups, wanted))


def known_groups(opened: DetectionSet, names: Sequence[str], file: Path | None, pattern: str | None) -> Groups:
    """Return what is known of pictures: a set's own groups, those of a file, and what a pattern reads from the names.

    Args:
        opened: The set; its `groups.json` is read where it has one.
        names: File names of its pictures; what is told of others is left out.
        file: More groups, JSON as `groups.json` or CSV with a column `picture` and one a heading.
        pattern: Regular expression with one group, searched in the names; a named group names its heading.

    Raises:
        EdgekitError: A file or the pattern is not valid, or fits no picture.
    """
    known: dict[str, dict[str, str]] = {name: {} for name in names}
    own = read_groups(opened.folder)
    told = [own] if own is not None else []
    told += [_read(file)] if file is not None else []
    for groups in told:
        for name in known.keys() & groups.pictures.keys():
            known[name] |= groups.pictures[name]
    if file is not None and not known.keys() & told[-1].pictures.keys():
        raise EdgekitError(
            f"{file} names no picture of {opened.folder}: it tells them by file name, such as {names[0]}"
        )
    if pattern is not None:
        for name, group in _by_pattern(names, pattern):
            known[name] |= group
    return Groups(pictures=known)


def _read(file: Path) -> Groups:
    if file.suffix.lower() != ".csv":
        return read_json(file, Groups, "set's groups", 'its form is {"pictures": {"a.jpg": {"camera": "gate-1"}}}')
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            rows = list(csv.DictReader(opened, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise EdgekitError(f"{file} cannot be read as CSV: {exc}") from exc
    for number, row in enumerate(rows, start=2):
        if not row.get(_PICTURE) or None in row or None in row.values():
            raise EdgekitError(f"{file}, line {number}: a row gives the column {_PICTURE!r} and one group a heading")
    pictures = {
        row[_PICTURE]: {heading: group for heading, group in row.items() if heading != _PICTURE and group}
        for row in rows
    }
    return checked(Groups, pictures=pictures)


def _by_pattern(names: Sequence[str], pattern: str) -> Iterable[tuple[str, Mapping[str, str]]]:
    try:
        searched = re.compile(pattern)
    except re.error as exc:
        raise EdgekitError(f"{pattern!r} is no regular expression: {exc}") from exc
    if searched.groups != 1:
        raise EdgekitError(
            f"{pattern!r} has {searched.groups} groups in parentheses; one has to mark what is in common"
        )
    heading = next(iter(searched.groupindex), NAME)
    found = [(name, match.group(1)) for name in names if (match := searched.search(name)) and match.group(1)]
    if not found:
        raise EdgekitError(f"{pattern!r} fits no name of a picture, such as {names[0]}")
    return [(name, {heading: group}) for name, group in found]


def with_similarity(opened: DetectionSet, groups: Groups, advance: Callable[[int], None] = lambda _: None) -> Groups:
    """Add the heading `similarity`: pictures that are nearly the same or of one scene, found as `data check` does.

    Args:
        opened: The set.
        groups: Those of its pictures, by file name.
        advance: Called with steps as they are done, two a picture.

    Raises:
        EdgekitError: A picture cannot be read.
    """
    looks = look_at_all(opened, lambda: advance(1))
    views = [look.view for look in looks if look.view is not None]
    if len(views) < len(looks):
        fault = next(look.fault for look in looks if look.view is None)
        raise EdgekitError(f"{fault}; `edgekit data check` tells all such pictures, and --fix puts them aside")
    found = clusters(len(looks), ((tie.first, tie.second) for tie in find_ties(views, _TIED, advance)))
    told = {name: dict(by_heading) for name, by_heading in groups.pictures.items()}
    for number, members in enumerate(found, start=1):
        for index in members:
            told[looks[index].path.name][SIMILARITY] = f"alike-{number}"
    return Groups(pictures=told)


def together(names: Sequence[str], groups: Groups, headings: Sequence[str]) -> list[list[int]]:
    """Return which pictures must not be parted, by index: those that share a group under any of the headings."""
    pairs: list[tuple[int, int]] = []
    for heading in headings:
        first: dict[str, int] = {}
        for index, name in enumerate(names):
            group = groups.of(name, heading)
            if group is not None:
                pairs.append((first.setdefault(group, index), index))
    return clusters(len(names), pairs)
