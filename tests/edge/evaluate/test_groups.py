"""A set's groups say which camera or site its pictures are of; what they do not say is told."""

import json
from pathlib import Path

import pytest

from devices.errors import EdgekitError
from edge.evaluate.groups import GROUPS, groups_under, read_groups


def test_a_picture_has_a_group_under_each_heading_that_names_one(tmp_path: Path):
    pictures = {"a.jpg": {"camera": "gate", "site": "north"}, "b.jpg": {"camera": "belt"}}
    (tmp_path / GROUPS).write_text(json.dumps({"pictures": pictures}), encoding="utf-8")
    groups = groups_under(tmp_path, "site")
    assert groups.headings == ("camera", "site")
    assert (groups.of("a.jpg", "site"), groups.of("b.jpg", "site"), groups.of("c.jpg", "site")) == ("north", None, None)


def test_a_set_without_groups_has_none_and_cannot_be_told_by_any(tmp_path: Path):
    assert read_groups(tmp_path) is None
    with pytest.raises(EdgekitError, match=r"has no groups\.json, so nobody knows its pictures by camera"):
        groups_under(tmp_path, "camera")


def test_a_heading_that_nobody_gave_is_named_beside_those_that_there_are(tmp_path: Path):
    (tmp_path / GROUPS).write_text('{"pictures": {"a.jpg": {"camera": "gate"}}}', encoding="utf-8")
    with pytest.raises(EdgekitError, match="does not tell its pictures by site, but by camera"):
        groups_under(tmp_path, "site")


@pytest.mark.parametrize(
    "content", ["", "[]", '{"pictures": {"a.jpg": "gate"}}', '{"pictures": {"a": {"camera": ""}}}']
)
def test_a_file_of_another_form_is_refused_with_the_form(tmp_path: Path, content: str):
    (tmp_path / GROUPS).write_text(content, encoding="utf-8")
    with pytest.raises(EdgekitError, match="its form is"):
        read_groups(tmp_path)
