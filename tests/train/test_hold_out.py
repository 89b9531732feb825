"""A set is parted by products or cameras, so that a model can be measured on what it never saw."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet, open_set
from edge.evaluate.groups import read_groups
from edge.evaluate.tagged_set import TaggedPicture, TaggedSet, open_tagged_set
from edge.model.taxonomy import Attribute, Taxonomy
from train.data_cli import app
from train.tagged_sets import write_tagged_set


@pytest.fixture
def shop(tmp_path: Path) -> TaggedSet:
    """Write two pictures of each of six products in two categories."""
    origin = tmp_path / "origin"
    origin.mkdir()
    pictures: list[TaggedPicture] = []
    for product in range(6):
        for part in ("train", "val"):
            path = origin / f"{part}-{product}.png"
            cv2.imwrite(str(path), np.full((8, 8, 3), 40 * product, np.uint8))
            pictures.append(TaggedPicture(path, part, "", ((product,),)))
    taxonomy = Taxonomy(
        attributes=(
            Attribute(name="product", values=tuple("abcdef")),
            Attribute(name="category", values=("x", "y"), implied_by="product", follows=(0, 0, 0, 1, 1, 1)),
        )
    )
    return write_tagged_set(
        tmp_path / "shop",
        name="shop",
        licence="CC0-1.0",
        source="made by a test",
        taxonomy=taxonomy,
        pictures=pictures,
        origin=origin,
    )


def test_each_third_product_is_held_out_and_every_picture_keeps_its_product(shop: TaggedSet, tmp_path: Path):
    arguments = ["hold-out", str(shop.folder), str(tmp_path / "learnt"), str(tmp_path / "new"), "--every", "3"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "8 pictures of 4 values of product" in done.output
    for name, wanted, follows in (("learnt", "abde", (0, 0, 1, 1)), ("new", "cf", (0, 1))):
        opened = open_tagged_set(tmp_path / name)
        product, category = opened.description.taxonomy.attributes
        assert (product.values, category.follows) == (tuple(wanted), follows)
        told = {one.path.name: product.values[one.tags[0][0]] for one in opened.pictures}
        assert told == {f"{part}-{'abcdef'.index(value)}.png": value for value in wanted for part in ("train", "val")}


def test_what_cannot_be_parted_is_refused(shop: TaggedSet, tmp_path: Path):
    common = ["hold-out", str(shop.folder), str(tmp_path / "learnt"), str(tmp_path / "new")]
    for more, fault in (
        (["--attribute", "category"], "no learnt attribute category"),
        (["--every", "6"], "less than 2"),
    ):
        done = CliRunner().invoke(app, [*common, *more])
        assert isinstance(done.exception, EdgekitError)
        assert fault in str(done.exception)
    assert not (tmp_path / "learnt").exists()


def test_cameras_are_held_out_with_all_their_pictures_and_parts_stay(
    make_set: Callable[..., DetectionSet], tmp_path: Path
):
    opened = make_set("hall", ("carton",), 0, pictures=4)
    cameras = {path.name: {"camera": "gate" if "-0" in path.name else "dock"} for path in opened.pictures("train")}
    groups = {"pictures": {**cameras, "hall-3.png": {}}}
    (opened.folder / "groups.json").write_text(json.dumps(groups))
    common = ["hold-out", str(opened.folder), str(tmp_path / "learnt"), str(tmp_path / "new")]
    done = CliRunner().invoke(app, [*common, "--by", "camera", "--group", "dock"])
    assert done.exit_code == 0, done.output
    kept, new = open_set(tmp_path / "learnt"), open_set(tmp_path / "new")
    for part in ("train", "val"):
        assert [path.name for path in new.pictures(part)] == ["hall-1.png", "hall-2.png"]
        assert [path.name for path in kept.pictures(part)] == ["hall-0.png", "hall-3.png"]
    assert new.description.source == "made by a test, dock by camera"
    assert read_groups(new.folder) is not None
    for more, fault in (
        (["--by", "camera", "--group", "roof"], "no group roof by camera, but dock, gate"),
        (["--by", "site", "--group", "north"], "no group north by site, but none"),
        (["--by", "camera"], "say what is held out of it"),
    ):
        done = CliRunner().invoke(app, [*common, *more])
        assert fault in str(done.exception)
