"""Rendered pictures are a set like any other, each picture by its own seed, each box on what it names."""

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from devices.errors import EdgekitError
from edge.evaluate.dataset import open_set
from edge.evaluate.labels import label_rows, read_labels
from train.sets import CLASSES, digest_of
from train.synth.pictures import render_picture, write_pictures
from train.synth.printed import LABEL
from train.synth.regions import read_regions
from train.synth.settings import PicturesConfig

CONFIG = PicturesConfig(count=8, width_px=320, height_px=180, val_share=0.25, seed=3)


def test_a_rendered_set_opens_like_any_other_and_labels_all_classes(tmp_path: Path):
    summary = write_pictures(tmp_path / "set", CONFIG)
    opened = open_set(tmp_path / "set")
    assert opened.description.labelled == CLASSES
    assert opened.description.licence == "CC0-1.0"
    assert len(opened.pictures("train")) == summary["train"] == 6
    assert len(opened.pictures("val")) == summary["val"] == 2
    rows = [row for picture in opened.pictures("train") for row in label_rows(opened.label_file(picture), len(CLASSES))]
    assert len(rows) > 6
    assert {class_id for class_id, _ in rows} >= {0}


def test_outlines_texts_and_printed_labels_lie_beside_the_labels(tmp_path: Path):
    config = PicturesConfig(count=6, width_px=480, height_px=270, val_share=0.5, belt_share=0.6, seed=7)
    write_pictures(tmp_path / "set", config)
    opened, kinds = open_set(tmp_path / "set"), Counter[str]()
    for split in ("train", "val"):
        for picture in opened.pictures(split):
            regions = read_regions(opened.folder, split, picture.stem)
            ids = [class_id for class_id, _ in label_rows(opened.label_file(picture), len(CLASSES))]
            assert [CLASSES.index(one.kind) for one in regions[: len(ids)]] == ids
            assert {one.kind for one in regions[len(ids) :]} <= {LABEL}
            assert all(bool(one.text) == (one.kind != "carton") for one in regions)
            # What a code says stands in writing on the label that it is printed on, wherever there is room for it.
            codes = {one.text for one in regions if one.kind in ("barcode", "qr")}
            lines = {line for one in regions if one.kind == LABEL for line in one.text.splitlines()}
            kinds.update(one.kind for one in regions)
            kinds["written too"] += len(codes & lines)
    assert min(kinds[kind] for kind in CLASSES) > 0
    assert kinds["written too"] > 0.8 * (kinds["barcode"] + kinds["qr"])


def test_a_label_lies_around_its_code_and_says_what_it_says():
    picture = render_picture(PicturesConfig(count=1, belt_share=1.0, seed=1), 2)
    papers = [one for one in picture.unlabelled if one.kind == LABEL]
    codes = [box for box in picture.boxes if box.text]
    assert codes
    for code in codes:
        x, y = (float(value) for value in np.mean(code.outline, axis=0))
        around = [one for one in papers if cv2.pointPolygonTest(np.array(one.outline, np.float32), (x, y), False) > 0]
        assert [code.text in one.text.splitlines() for one in around] == [True]
        assert around[0].article == code.carton


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path):
    write_pictures(tmp_path / "a", CONFIG)
    write_pictures(tmp_path / "b", CONFIG)
    assert digest_of(tmp_path / "a") == digest_of(tmp_path / "b")


def test_a_picture_depends_on_its_own_index_alone():
    before = render_picture(CONFIG, 2)
    render_picture(CONFIG, 0)
    assert (render_picture(CONFIG, 2).image == before.image).all()


def test_boxes_of_codes_lie_on_what_looks_like_a_code():
    config = PicturesConfig(count=40, width_px=768, height_px=432, belt_share=1.0, seed=1)
    contrasts = [
        float(cv2.cvtColor(picture.image[round(y0) : round(y1), round(x0) : round(x1)], cv2.COLOR_BGR2GRAY).std())
        for picture in (render_picture(config, index) for index in range(4))
        for box in picture.boxes
        for x0, y0, x1, y1 in [box.xyxy]
        if CLASSES[box.class_id] != "carton"
    ]
    assert len(contrasts) >= 4
    assert np.median(contrasts) > 25


def test_an_existing_folder_is_replaced_only_when_forced_and_only_if_it_is_a_set(tmp_path: Path):
    write_pictures(tmp_path / "set", CONFIG)
    with pytest.raises(EdgekitError, match="exists"):
        write_pictures(tmp_path / "set", CONFIG)
    write_pictures(tmp_path / "set", CONFIG, force=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(EdgekitError, match="holds no set of pictures"):
        write_pictures(tmp_path / "mine", CONFIG, force=True)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_outlines_lie_in_their_boxes_and_fill_what_is_seen_of_each_thing(tmp_path: Path):
    config = PicturesConfig(count=12, width_px=480, height_px=270, val_share=0.0, seed=5)
    write_pictures(tmp_path / "boxes", config)
    write_pictures(tmp_path / "outlines", config, outlines=True)
    boxes, outlines = open_set(tmp_path / "boxes"), open_set(tmp_path / "outlines")
    shares: list[float] = []
    for picture in boxes.pictures("train"):
        other = outlines.folder / "images" / "train" / picture.name
        assert picture.read_bytes() == other.read_bytes()
        size = np.array([480, 270])
        pairs = zip(read_labels(boxes.label_file(picture), 3), read_labels(outlines.label_file(other), 3), strict=True)
        for box, outline in pairs:
            assert outline.polygon is not None
            assert outline.class_id == box.class_id
            corners = np.array(outline.polygon) * size
            centre, half = np.array(box.cxcywh[:2]) * size, np.array(box.cxcywh[2:]) * size / 2
            # Where a thing is seen in two parts, the outline is the larger one's, and so may be smaller than the box.
            assert (corners >= centre - half - 1.5).all()
            assert (corners <= centre + half + 1.5).all()
            filled = cv2.contourArea(corners.astype(np.float32)) / float((2 * half).prod())
            shares.append(filled)
    assert len(shares) > 30
    assert 0 < min(shares) <= max(shares) <= 1.05  # a long code that lies askew fills little of its box
    assert np.median(shares) > 0.5
