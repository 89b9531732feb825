"""Some of a set's training pictures become a set of their own, the others one that labels nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet, open_set
from train.take import take_pictures

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
