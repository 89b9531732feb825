"""`groups.json` of a set: which camera, video, product or site each of its pictures is of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from devices.errors import EdgekitError
from devices.validation import read_json

GROUPS = "groups.json"
GroupName = Annotated[str, Field(min_length=1)]


class Groups(BaseModel):
    """What the pictures of a set have in common, under any number of headings."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_id: Literal["edgekit.groups/1"] = Field(default="edgekit.groups/1", alias="schema")
    pictures: Mapping[str, Mapping[GroupName, GroupName]] = Field(
        description='by file name: {"a.jpg": {"camera": "gate-1", "video": "2026-11-03"}}; a picture may lack a heading'
    )

    @property
    def headings(self) -> tuple[str, ...]:
        """All headings, by name."""
        return tuple(sorted({heading for groups in self.pictures.values() for heading in groups}))

    def of(self, picture: str, heading: str) -> str | None:
        """Return the group of a picture under a heading, None where nobody said."""
        return self.pictures.get(picture, {}).get(heading)


def read_groups(folder: Path) -> Groups | None:
    """Read a set's `groups.json`, None where it has none.

    Raises:
        EdgekitError: It is there, but not valid.
    """
    path = folder / GROUPS
    if not path.exists():
        return None
    return read_json(path, Groups, "set's groups", 'its form is {"pictures": {"a.jpg": {"camera": "gate-1"}}}')


def groups_under(folder: Path, heading: str) -> Groups:
    """Read a set's groups for a heading that has to be there.

    Raises:
        EdgekitError: The set has no groups, or none of its pictures has one under the heading.
    """
    groups = read_groups(folder)
    if groups is None:
        raise EdgekitError(f"{folder} has no {GROUPS}, so nobody knows its pictures by {heading}: write one")
    if heading not in groups.headings:
        known = ", ".join(groups.headings) or "nothing"
        raise EdgekitError(f"{folder / GROUPS} does not tell its pictures by {heading}, but by {known}")
    return groups
