"""Public tagged sets are copied whole, with what follows from what, or not at all."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from devices.errors import EdgekitError
from train.tagged_sets import get_grocery_store


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    origin = tmp_path / "downloads" / "grocery-store"
    origin.mkdir(parents=True)
    (origin / "classes.csv").write_text("Class Name,Class ID,Coarse,Coarse ID\nLemon,0,Citrus,0\nOat-Milk,1,Milk,1\n")
    for part in ("train", "val"):
        for kind, product in (("Fruit", "Lemon"), ("Packages", "Oat-Milk")):
            folder = origin / part / kind / product
            folder.mkdir(parents=True)
            cv2.imwrite(str(folder / "1.jpg"), np.zeros((8, 8, 3), np.uint8))
        (origin / f"{part}.txt").write_text(f"{part}/Fruit/Lemon/1.jpg, 0, 0\n{part}/Packages/Oat-Milk/1.jpg, 1, 1\n")
    return tmp_path / "downloads"


def test_products_keep_their_category_kind_and_packaging(downloads: Path, tmp_path: Path):
    opened = get_grocery_store(downloads, tmp_path / "shop")
    product, category, kind, packaging = opened.description.taxonomy.attributes
    assert product.values == ("Lemon", "Oat-Milk")
    assert [category.values[index] for index in category.follows] == ["Citrus", "Milk"]
    assert [kind.values[index] for index in kind.follows] == ["Fruit", "Packages"]
    assert [packaging.values[index] for index in packaging.follows] == ["loose", "packed"]
    assert [(picture.part, picture.tags) for picture in opened.pictures] == [
        ("train", ((0,),)),
        ("train", ((1,),)),
        ("val", ((0,),)),
        ("val", ((1,),)),
    ]


def test_a_download_that_is_not_whole_leaves_nothing(downloads: Path, tmp_path: Path):
    (downloads / "grocery-store" / "val" / "Fruit" / "Lemon" / "1.jpg").unlink()
    with pytest.raises(EdgekitError, match=r"val\.txt, line 1: .* names no picture"):
        get_grocery_store(downloads, tmp_path / "shop")
    with pytest.raises(EdgekitError, match="cannot be read as the list of products"):
        get_grocery_store(tmp_path, tmp_path / "shop")
    assert [path.name for path in tmp_path.iterdir()] == ["downloads"]


def test_the_real_set_has_81_products_in_43_categories(data_folder: Path, tmp_path: Path):
    opened = get_grocery_store(data_folder, tmp_path / "shop")
    sizes = [len(attribute.values) for attribute in opened.description.taxonomy.attributes]
    assert (sizes, len(opened.part("train")), len(opened.part("val"))) == ([81, 43, 3, 2], 2640, 296)
