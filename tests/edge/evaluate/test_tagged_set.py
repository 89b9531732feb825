"""A tagged set is read whole, or the row that is wrong is named."""

import json
from pathlib import Path

import pytest

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import open_tagged_set, write_table

TAXONOMY = {
    "attributes": [
        {"name": "product", "values": ["lemon", "milk"]},
        {"name": "signs", "values": ["sale", "organic"], "multiple": True},
    ]
}
ROWS = ["picture,part,group,product,signs", "a.png,train,,lemon,", "b/b.png,val,shelf-1,milk,sale|organic"]


def write(folder: Path, rows: list[str]) -> Path:
    described = {"name": "shop", "licence": "CC0-1.0", "source": "a test", "pictures": 2, "digest": "0" * 64}
    (folder / "tags.json").write_text(json.dumps({**described, "taxonomy": TAXONOMY}), encoding="utf-8")
    (folder / "tags.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def test_rows_become_pictures_with_their_part_group_and_tags(tmp_path: Path):
    opened = open_tagged_set(write(tmp_path, ROWS))
    assert [(picture.path.name, picture.part, picture.group, picture.tags) for picture in opened.pictures] == [
        ("a.png", "train", "", ((0,), ())),
        ("b.png", "val", "shelf-1", ((1,), (0, 1))),
    ]
    assert [picture.path.name for picture in opened.part("val")] == ["b.png"]
    assert opened.part("test") == ()


def test_a_table_that_is_written_reads_back_the_same(tmp_path: Path):
    opened = open_tagged_set(write(tmp_path, ROWS))
    write_table(tmp_path / "tags.csv", opened.description.taxonomy.learnt, list(opened.pictures), tmp_path / "images")
    assert open_tagged_set(tmp_path) == opened


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("../a.png,train,,lemon,", "line 2: '../a.png' is no path below"),
        ("/a.png,train,,lemon,", "no path below"),
        ("a.png,dev,,lemon,", "line 2: part 'dev' is none of train, val, test"),
        ("a.png,train,,pear,", "line 2: product has no value 'pear'"),
        ("a.png,train,,lemon|milk,", "product needs one value"),
        ("a.png,train,,,", "product needs one value"),
        ("a.png,train,,lemon,sale|sale", "signs needs each value once"),
        ("a.png,train,lemon", "3 cells instead of 5"),
    ],
)
def test_a_row_that_is_wrong_is_named(tmp_path: Path, row: str, fault: str):
    with pytest.raises(EdgekitError, match=fault.replace("|", r"\|")):
        open_tagged_set(write(tmp_path, [ROWS[0], row]))


def test_a_table_of_other_columns_of_nothing_or_with_a_picture_twice_is_refused(tmp_path: Path):
    with pytest.raises(EdgekitError, match="begins with 'picture,product'"):
        open_tagged_set(write(tmp_path, ["picture,product"]))
    with pytest.raises(EdgekitError, match="names no picture"):
        open_tagged_set(write(tmp_path, ROWS[:1]))
    with pytest.raises(EdgekitError, match=r"names a\.png twice"):
        open_tagged_set(write(tmp_path, [*ROWS[:2], ROWS[1]]))
    (tmp_path / "tags.csv").unlink()
    with pytest.raises(EdgekitError, match="cannot be read as a table"):
        open_tagged_set(tmp_path)
    with pytest.raises(EdgekitError, match="record of a tagged set"):
        open_tagged_set(tmp_path / "nowhere")
