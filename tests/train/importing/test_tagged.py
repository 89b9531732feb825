"""Tagged pictures of others become a set whole, with what follows from what, or the fault is named."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import open_tagged_set
from train.data_cli import app
from train.importing.bring import Origin
from train.importing.tagged import import_folders, import_table

ORIGIN = Origin("shop", "CC0-1.0", "a test")


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scene = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    cv2.imwrite(str(path), cv2.resize(scene, (48, 48)))


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    source = tmp_path / "shop"
    for number, product in enumerate(("fruit/lemon", "fruit/lime", "dairy/milk")):
        for index in range(20):
            draw(source / product / f"{index}.png", 100 * number + index)
    return source


def test_folders_become_products_in_categories_divided_without_a_leak(folders: Path, tmp_path: Path):
    draw(folders / "fruit" / "lemon" / "again.png", 0)  # the same as lemon/0.png
    imported, skipped = import_folders(folders, tmp_path / "out", ORIGIN)
    assert skipped == []
    product, category = imported.description.taxonomy.attributes
    assert product.values == ("lemon", "lime", "milk")
    assert [category.values[index] for index in category.follows] == ["fruit", "fruit", "dairy"]
    sizes = {part: len(imported.part(part)) for part in ("train", "val", "test")}
    assert sum(sizes.values()) == 61
    assert sizes["train"] > 36
    assert min(sizes.values()) >= 3
    part_of = {"/".join(picture.path.parts[-2:]): picture.part for picture in imported.pictures}
    assert part_of["lemon/0.png"] == part_of["lemon/again.png"]
    assert open_tagged_set(tmp_path / "out") == imported


def test_parts_that_are_given_are_kept(tmp_path: Path):
    for part in ("train", "val"):
        for product in ("lemon", "milk"):
            draw(tmp_path / "shop" / part / product / "1.png", 1)
    imported, _ = import_folders(tmp_path / "shop", tmp_path / "out", ORIGIN)
    assert [picture.part for picture in imported.pictures] == ["train", "train", "val", "val"]
    assert [attribute.name for attribute in imported.description.taxonomy.attributes] == ["product"]


def test_a_table_gives_several_values_and_what_follows(tmp_path: Path):
    rows = ["picture,part,product,category,signs", "a.png,train,lemon,fruit,sale|organic", "b.png,val,milk,dairy,"]
    (tmp_path / "tags.csv").write_text("\n".join(rows))
    draw(tmp_path / "a.png", 1)
    draw(tmp_path / "b.png", 2)
    places = [str(tmp_path / "tags.csv"), str(tmp_path / "out")]
    done = CliRunner().invoke(app, ["import", "csv", *places, "--name", "shop", "--implied", "category:product"])
    assert done.exit_code == 0, done.output
    assert "2 pictures (train 1, val 1, test 0), tags product (2), signs (2), category (2)" in done.stdout
    first, second = open_tagged_set(tmp_path / "out").pictures
    assert (first.tags, second.tags) == (((0,), (0, 1)), ((1,), ()))


@pytest.mark.parametrize(
    ("rows", "implied", "fault"),
    [
        (["picture,product", "a.png,lemon", "b.png,milk"], {"category": "product"}, "category cannot follow"),
        (
            ["picture,product,category", "a.png,lemon,fruit", "b.png,lemon,dairy"],
            {},
            "product has 1 values: there is nothing to tell apart",
        ),
        (
            ["picture,product,category", "a.png,lemon,fruit", "b.png,lemon,dairy", "a.png,milk,dairy"],
            {"category": "product"},
            "category does not follow from product: lemon is beside dairy, fruit",
        ),
        (["picture,product", "../a.png,lemon"], {}, "line 2: '../a.png' is no path"),
        (["picture,part,product", "a.png,dev,lemon"], {}, "line 2: part 'dev'"),
        (["picture,product", "a.png"], {}, "line 2: the row has not as many cells"),
        (["file,product", "a.png,lemon"], {}, "needs a column `picture`"),
        (["picture,product"], {}, "names no picture"),
        (["picture,Product Name", "a.png,x", "b.png,y"], {}, "lower-case letters"),
        (["picture,product", "gone.png,lemon", "a.png,milk"], {}, "cannot be read: No such file"),
    ],
)
def test_a_table_that_is_wrong_leaves_nothing(tmp_path: Path, rows: list[str], implied: dict[str, str], fault: str):
    draw(tmp_path / "a.png", 1)
    draw(tmp_path / "b.png", 2)
    (tmp_path / "tags.csv").write_text("\n".join(rows))
    with pytest.raises(EdgekitError, match=fault):
        import_table(tmp_path / "tags.csv", tmp_path / "out", ORIGIN, implied=implied)
    assert not (tmp_path / "out").exists()


def test_folders_of_another_layout_and_pictures_that_are_none_are_named(folders: Path, tmp_path: Path):
    with pytest.raises(EdgekitError, match="holds no picture"):
        import_folders(tmp_path / "nowhere", tmp_path / "out", ORIGIN)
    (folders / "dairy" / "milk" / "bad.png").write_text("no picture")
    with pytest.raises(EdgekitError, match=r"bad\.png cannot be read as a picture; mend it"):
        import_folders(folders, tmp_path / "out", ORIGIN)
    imported, skipped = import_folders(folders, tmp_path / "out", ORIGIN, skip_bad=True)
    assert (imported.description.pictures, len(skipped)) == (60, 1)
    draw(folders / "loose" / "1.png", 5)
    with pytest.raises(EdgekitError, match="some pictures lie in one folder and others in two"):
        import_folders(folders, tmp_path / "other", ORIGIN, skip_bad=True)
