"""Some of a set's training pictures become a set of their own, the others one that labels nothing."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet, open_set
from train.data_cli import app
from train.take import WholeGroups, take_pictures

MakeSet = Callable[..., DetectionSet]


def names(opened: DetectionSet, split: str = "train") -> set[str]:
    return {path.name for path in opened.pictures(split)}


def test_taken_and_rest_are_the_whole_and_share_nothing(make_set: MakeSet, tmp_path: Path):
    opened = make_set("cartons", ("carton",), 0)
    taken = take_pictures(opened, tmp_path / "few", 3, 7, tmp_path / "rest")
    rest = open_set(tmp_path / "rest")
    assert len(names(taken)) == 3
    assert names(taken) | names(rest) == names(opened)
    assert not names(taken) & names(rest)
    assert names(taken, "val") == names(opened, "val")
    assert rest.description.labelled == ()
    assert list((tmp_path / "rest" / "labels").rglob("*.txt")) == []


def test_the_same_seed_takes_the_same_pictures(make_set: MakeSet, tmp_path: Path):
    opened = make_set("cartons", ("carton",), 0)
    first = take_pictures(opened, tmp_path / "a", 3, 1)
    assert take_pictures(opened, tmp_path / "b", 3, 1).description.digest == first.description.digest
    others = [names(take_pictures(opened, tmp_path / f"s{seed}", 3, seed)) for seed in range(2, 6)]
    assert any(names(first) != other for other in others)


@pytest.mark.parametrize("pictures", [8, 9])
def test_more_pictures_than_there_are_cannot_be_taken(make_set: MakeSet, tmp_path: Path, pictures: int):
    opened = make_set("cartons", ("carton",), 0)
    with pytest.raises(EdgekitError, match=f"has 8 training pictures: {pictures} cannot be taken"):
        take_pictures(opened, tmp_path / "few", pictures, 0, tmp_path / "rest")


def test_a_rest_that_cannot_be_written_leaves_nothing_behind(make_set: MakeSet, tmp_path: Path):
    opened = make_set("cartons", ("carton",), 0)
    (tmp_path / "rest").mkdir()
    with pytest.raises(EdgekitError, match="rest exists"):
        take_pictures(opened, tmp_path / "few", 3, 0, tmp_path / "rest")
    assert not (tmp_path / "few").exists()


def test_a_missing_label_is_named(make_set: MakeSet, tmp_path: Path):
    opened = make_set("cartons", ("carton",), 0)
    opened.label_file(opened.pictures("val")[0]).unlink()
    with pytest.raises(EdgekitError, match=r"cartons-0\.txt is missing"):
        take_pictures(opened, tmp_path / "few", 3, 0)


def test_a_set_without_labels_says_so_and_warns_of_nothing(
    make_set: MakeSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    take_pictures(make_set("cartons", ("carton",), 0), tmp_path / "few", 3, 0, tmp_path / "rest")
    open_set(tmp_path / "rest")
    assert not caplog.records


def test_whole_groups_are_drawn_until_it_is_enough_and_only_the_last_is_divided(make_set: MakeSet, tmp_path: Path):
    opened = make_set("cartons", ("carton",), 0, pictures=12)
    cameras = {path.name: str(number % 4) for number, path in enumerate(opened.pictures("train"))}
    groups = {"pictures": {name: {"camera": camera} for name, camera in cameras.items()}}
    (tmp_path / "groups.json").write_text(json.dumps(groups), encoding="utf-8")
    whole = WholeGroups(("camera",), tmp_path / "groups.json")
    drawn: set[frozenset[str]] = set()
    for seed in range(6):
        taken = take_pictures(opened, tmp_path / f"few{seed}", 5, seed, tmp_path / f"rest{seed}", whole)
        counts = Counter(cameras[name] for name in names(taken))
        assert sorted(counts.values()) == [2, 3]
        assert names(taken) | names(open_set(tmp_path / f"rest{seed}")) == names(opened)
        drawn.add(frozenset(counts))
    assert len(drawn) > 1  # the seed decides


def test_groups_that_nobody_told_are_named(make_set: MakeSet, tmp_path: Path):
    opened = make_set("cartons", ("carton",), 0)
    with pytest.raises(EdgekitError, match="by camera, but by similarity"):
        take_pictures(opened, tmp_path / "few", 3, 0, whole=WholeGroups(("camera",)))
    told = CliRunner().invoke(
        app, ["take", str(opened.folder), str(tmp_path / "few"), "--pictures", "3", "--by", "camera"]
    )
    assert "add --whole-groups" in str(told.exception)
    assert not (tmp_path / "few").exists()
