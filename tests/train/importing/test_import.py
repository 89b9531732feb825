"""Sets of other tools come into the kit's form: boxes and outlines of each format, each fault with its place."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from devices.errors import EdgekitError
from edge.evaluate.dataset import open_set
from edge.evaluate.labels import Label, read_labels
from train.data_cli import app
from train.importing.bring import Format, Imported, Origin, import_detections, read_foreign_set

WIDTH, HEIGHT = 100, 50
ORIGIN = Origin("imported", "CC0-1.0", "made by a test")
# One carton with an outline, one barcode with a box; both (10, 10) to (30, 20) in pixels.
OUTLINE = ((0.1, 0.2), (0.3, 0.2), (0.3, 0.4))
BOX = (0.2, 0.3, 0.2, 0.2)


def draw(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        assert cv2.imwrite(str(folder / name), np.full((HEIGHT, WIDTH, 3), 90, np.uint8))


def yolo(root: Path, row: str = "1 0.2 0.3 0.2 0.2") -> Path:
    draw(root / "images" / "train", "a.png", "empty.png", "bare.png")
    draw(root / "images" / "val", "a.png")
    for name, text in {
        "train/a": f"0 0.1 0.2 0.3 0.2 0.3 0.4\n{row}\n",
        "train/empty": "",
        "val/a": f"{row}\n",
    }.items():
        path = root / "labels" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (root / "data.yaml").write_text("names:\n  0: carton\n  1: barcode\n", encoding="utf-8")
    return root


def coco(root: Path, **changes: Any) -> Path:
    draw(root / "train", "a.png", "empty.png")
    boxes = [
        {
            "id": 1,
            "image_id": 7,
            "category_id": 3,
            "bbox": [10, 10, 20, 10],
            "segmentation": [[10, 10, 30, 10, 30, 20]],
        },
        {"id": 2, "image_id": 7, "category_id": 9, "bbox": [10, 10, 20, 10], "iscrowd": 0, **changes},
    ]
    content = {
        "info": {"year": 2026},
        "images": [
            {"id": 7, "file_name": "a.png", "width": WIDTH, "height": HEIGHT},
            {"id": 8, "file_name": "empty.png", "width": WIDTH, "height": HEIGHT},
        ],
        "annotations": boxes,
        "categories": [{"id": 9, "name": "barcode"}, {"id": 3, "name": "carton"}],
    }
    (root / "train" / "_annotations.coco.json").write_text(json.dumps(content), encoding="utf-8")
    return root


def voc(root: Path, box: str = "<xmin>10</xmin><ymin>10</ymin><xmax>30</xmax><ymax>20</ymax>", head: str = "") -> Path:
    draw(root / "JPEGImages", "a.png", "empty.png")
    (root / "Annotations").mkdir()
    polygon = "<polygon><x1>10</x1><y1>10</y1><x2>30</x2><y2>10</y2><x3>30</x3><y3>20</y3></polygon>"
    objects = (
        f"<object><name>carton</name>{polygon}</object><object><name>barcode</name><bndbox>{box}</bndbox></object>"
    )
    for name, inside in {"a": objects, "empty": ""}.items():
        size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height></size>"
        text = f"{head}<annotation><filename>{name}.png</filename>{size}{inside}</annotation>"
        (root / "Annotations" / f"{name}.xml").write_text(text, encoding="utf-8")
    return root


def cvat(
    root: Path, inside: str = '<box label="barcode" xtl="10" ytl="10" xbr="30" ybr="20"/>', name: str = "a.png"
) -> Path:
    draw(root / "images", "a.png", "empty.png")
    polygon = '<polygon label="carton" points="10,10;30,10;30,20"/>'
    size = f'width="{WIDTH}" height="{HEIGHT}"'
    first = f'<image name="{name}" {size}>{polygon}{inside}</image>'
    text = f'<annotations>{first}<image name="empty.png" {size}/></annotations>'
    (root / "annotations.xml").write_text(text, encoding="utf-8")
    return root


def label_studio(root: Path, **changes: Any) -> Path:
    draw(root, "1f2e-a.png", "empty.png")
    size = {"original_width": WIDTH, "original_height": HEIGHT}
    polygon = {"points": [[10, 20], [30, 20], [30, 40]], "polygonlabels": ["carton"]}
    box = {"x": 10, "y": 20, "width": 20, "height": 20, "rotation": 0, "rectanglelabels": ["barcode"], **changes}
    regions = [
        {"type": "polygonlabels", "value": polygon, **size},
        {"type": "rectanglelabels", "value": box, **size},
        {"type": "choices", "value": {"choices": ["sharp"]}},
    ]
    tasks = [
        {"data": {"image": "/data/upload/1/1f2e-a.png"}, "annotations": [{"result": regions}]},
        {"data": {"image": "http://somewhere/empty.png?token=1"}, "annotations": [{"result": []}]},
    ]
    (root / "export.json").write_text(json.dumps(tasks), encoding="utf-8")
    return root / "export.json"


MAKERS: Mapping[Format, Callable[..., Path]] = {
    "yolo": yolo,
    "coco": coco,
    "voc": voc,
    "cvat": cvat,
    "label-studio": label_studio,
}


def bring(form: Format, source: Path, out: Path, **options: Any) -> Imported:
    return import_detections(read_foreign_set(form, source, None), out, ORIGIN, **options)


def labels_in(out: Path, name: str) -> list[Label]:
    opened = open_set(out)
    (picture,) = (path for path in opened.pictures("train") if path.name == name)
    return list(read_labels(opened.label_file(picture), len(opened.description.classes)))


@pytest.mark.parametrize("form", sorted(MAKERS))
def test_boxes_and_outlines_of_each_format_come_to_the_same_labels(form: Format, tmp_path: Path):
    done = bring(form, MAKERS[form](tmp_path / "source"), tmp_path / "out", classes=("carton", "barcode"))
    assert done.skipped == ()
    (name,) = (path.name for path in open_set(tmp_path / "out").pictures("train") if path.name.endswith("a.png"))
    outline, box = labels_in(tmp_path / "out", name)
    assert (outline.class_id, box.class_id) == (0, 1)
    assert outline.polygon == OUTLINE
    assert box.polygon is None
    assert box.cxcywh == pytest.approx(BOX)
    assert labels_in(tmp_path / "out", "empty.png") == []


def test_the_order_of_classes_is_the_sources(tmp_path: Path):
    bring("coco", coco(tmp_path / "source"), tmp_path / "out")
    assert open_set(tmp_path / "out").description.classes == ("carton", "barcode")  # by category id, not as listed


def test_a_picture_without_a_label_file_stays_unlabelled_unless_it_is_said_to_show_nothing(tmp_path: Path):
    source = yolo(tmp_path / "source")
    done = bring("yolo", source, tmp_path / "unlabelled")
    assert (done.pictures, done.background, done.unlabelled) == ({"train": 3, "val": 1}, 1, 1)
    assert not (tmp_path / "unlabelled" / "labels" / "train" / "bare.txt").exists()
    done = bring("yolo", source, tmp_path / "background", unlabelled_is_background=True)
    assert (done.background, done.unlabelled) == (2, 0)


def test_a_folder_of_pictures_becomes_a_set_that_labels_nothing(tmp_path: Path):
    draw(tmp_path / "source" / "deep", "a.png")
    draw(tmp_path / "source" / "other", "a.png")
    done = bring("pictures", tmp_path / "source", tmp_path / "out", classes=("carton",))
    opened = open_set(tmp_path / "out")
    assert (done.unlabelled, opened.description.labelled) == (2, ())
    assert [path.name for path in opened.pictures("train")] == ["a.png", "other-a.png"]
    with pytest.raises(EdgekitError, match="no class is named"):
        bring("pictures", tmp_path / "source", tmp_path / "nameless")


BAD: list[tuple[Format, Callable[[Path], Path], str]] = [
    ("yolo", lambda root: yolo(root, "5 0.2 0.3 0.2 0.2"), r"a\.txt, line 2: class 5 does not exist"),
    ("yolo", lambda root: yolo(root, "1 0.95 0.3 0.2 0.2"), r"a\.txt, line 2: a box is given in shares"),
    ("coco", lambda root: coco(root, category_id=4), r"annotation 1: category 4 is not among"),
    ("coco", lambda root: coco(root, bbox=[90, 10, 20, 10]), r"a barcode reaches out of its picture"),
    ("coco", lambda root: coco(root, bbox=[10, 10, 0, 10]), r"a barcode is empty"),
    ("coco", lambda root: coco(root, bbox=[10, 10, "wide", 10]), r"annotation 1: bbox\.2"),
    ("coco", lambda root: coco(root, iscrowd=1), r"a crowd is no single object"),
    ("voc", lambda root: voc(root, "<xmin>10</xmin>"), r"<ymin> is missing"),
    ("voc", lambda root: voc(root, "<xmin>30</xmin><ymin>10</ymin><xmax>10</xmax><ymax>20</ymax>"), r"wrong order"),
    (
        "voc",
        lambda root: voc(root, "<xmin>nan</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax>"),
        r"'nan' is no number",
    ),
    ("cvat", lambda root: cvat(root, '<mask label="barcode" rle="1,2"/>'), r"a mask is neither a box nor a polygon"),
    ("cvat", lambda root: cvat(root, '<polygon label="barcode" points="1,2;3"/>'), r"a polygon is `x,y;x,y;x,y"),
    ("cvat", lambda root: cvat(root, '<box label="barcode" xtl="1"/>'), r"<box> lacks ytl, xbr, ybr"),
    ("label-studio", lambda root: label_studio(root, rectanglelabels=[]), r"task 0: a region has one label, not 0"),
    ("label-studio", lambda root: label_studio(root, x=None), r"task 0: a rectangle lacks x"),
    ("label-studio", lambda root: label_studio(root, x=95), r"task 0: a barcode reaches out"),
]


@pytest.mark.parametrize(("form", "make", "said"), BAD)
def test_a_bad_row_is_refused_with_its_place_or_costs_its_picture_and_is_counted(
    form: Format, make: Callable[[Path], Path], said: str, tmp_path: Path
):
    source = make(tmp_path / "source")
    options: dict[str, Any] = {"classes": ("carton", "barcode")}
    with pytest.raises(EdgekitError, match=said) as caught:
        bring(form, source, tmp_path / "refused", **options)
    assert "--skip-bad" in str(caught.value)
    assert list(tmp_path.glob("*refused*")) == []
    done = bring(form, source, tmp_path / "out", skip_bad=True, **options)
    assert done.skipped
    assert not [path for path in open_set(tmp_path / "out").pictures("train") if path.name.endswith("a.png")]


@pytest.mark.parametrize("image_id", [3, None, [7]])
def test_a_label_that_belongs_to_no_picture_is_a_fault(tmp_path: Path, image_id: object):
    source = coco(tmp_path / "source", image_id=image_id)
    with pytest.raises(EdgekitError, match=r"annotation 1: its picture .* is not among the images"):
        bring("coco", source, tmp_path / "out")
    assert len(bring("coco", source, tmp_path / "out", skip_bad=True).skipped) == 1


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/secret.png", "..\\secret.png", ""])
def test_a_name_that_leads_out_of_the_pictures_is_refused(tmp_path: Path, name: str):
    draw(tmp_path, "secret.png")
    with pytest.raises(EdgekitError, match="is no name of a picture below"):
        bring("cvat", cvat(tmp_path / "source", name=name), tmp_path / "out")


def test_a_link_out_of_the_pictures_is_refused(tmp_path: Path):
    draw(tmp_path, "secret.png")
    source = cvat(tmp_path / "source", name="link.png")
    (source / "images" / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(EdgekitError, match="is a link out of"):
        bring("cvat", source, tmp_path / "out")


def test_entities_in_xml_are_refused_and_not_expanded(tmp_path: Path):
    bomb = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]>'
    with pytest.raises(EdgekitError, match="declares entities"):
        bring("voc", voc(tmp_path / "source", head=bomb), tmp_path / "out")


@pytest.mark.parametrize(
    ("form", "content", "said"),
    [
        ("coco", "[1, 2", "is no file of COCO instances"),
        ("coco", '{"images": 3}', "is no file of COCO instances"),
        ("label-studio", '{"a": 1}', "is no list of Label Studio's tasks"),
        ("cvat", "<other/>", "is no export of CVAT"),
        ("cvat", "<annotations><track/></annotations>", "form for videos"),
        ("cvat", "<annotations>", "is no XML"),
    ],
)
def test_a_file_of_another_kind_is_told_as_that(form: Format, content: str, said: str, tmp_path: Path):
    path = tmp_path / "file"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(EdgekitError, match=said):
        read_foreign_set(form, path, None)


def test_labels_that_were_made_on_a_picture_of_another_size_are_refused(tmp_path: Path):
    source = cvat(tmp_path / "source")
    assert cv2.imwrite(str(source / "images" / "a.png"), np.zeros((WIDTH, HEIGHT, 3), np.uint8))
    with pytest.raises(EdgekitError, match="the picture is 50x100, its labels were made on 100x50"):
        bring("cvat", source, tmp_path / "out")


def test_a_turned_box_becomes_the_outline_that_its_tool_shows(tmp_path: Path):
    # CVAT turns around the middle, Label Studio around the upper left corner; both clockwise.
    inside = '<box label="barcode" xtl="40" ytl="20" xbr="60" ybr="30" rotation="90"/>'
    bring("cvat", cvat(tmp_path / "cvat", inside), tmp_path / "a", classes=("carton", "barcode"))
    polygon = labels_in(tmp_path / "a", "a.png")[1].polygon
    assert polygon is not None
    assert np.allclose(sorted(polygon), [(0.45, 0.3), (0.45, 0.7), (0.55, 0.3), (0.55, 0.7)])
    source = label_studio(tmp_path / "studio", x=50, y=20, width=20, height=20, rotation=90)
    bring("label-studio", source, tmp_path / "b", classes=("carton", "barcode"))
    polygon = labels_in(tmp_path / "b", "1f2e-a.png")[1].polygon
    assert polygon is not None
    assert np.allclose(sorted(polygon), [(0.4, 0.2), (0.4, 0.6), (0.5, 0.2), (0.5, 0.6)])


def test_a_task_that_several_people_labelled_is_not_chosen_among(tmp_path: Path):
    source = label_studio(tmp_path)
    tasks = json.loads(source.read_text("utf-8"))
    tasks[0]["annotations"] *= 2
    source.write_text(json.dumps(tasks), encoding="utf-8")
    with pytest.raises(EdgekitError, match="2 people labelled it, none as ground truth"):
        bring("label-studio", source, tmp_path / "out")
    tasks[0]["annotations"][1] = {**tasks[0]["annotations"][1], "ground_truth": True}
    source.write_text(json.dumps(tasks), encoding="utf-8")
    assert bring("label-studio", source, tmp_path / "out").objects == {"barcode": 1, "carton": 1}


def test_the_command_tells_what_it_did_as_json(tmp_path: Path):
    words = [
        "import",
        "voc",
        str(voc(tmp_path / "source")),
        str(tmp_path / "out"),
        "--name",
        "parcels",
        "--licence",
        "CC0-1.0",
        "--json",
    ]
    ran = CliRunner().invoke(app, words)
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["objects"] == {"barcode": 1, "carton": 1}
    assert open_set(tmp_path / "out").description.licence == "CC0-1.0"
