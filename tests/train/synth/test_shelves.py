"""Rendered shelves say truly what stands in them: regions lie on print, and texts are those that are printed."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp

from edge.evaluate.dataset import open_set
from edge.evaluate.labels import label_rows
from edge.tags.fields import normalised
from train.sets import digest_of
from train.synth.regions import read_regions
from train.synth.settings import SHELF_CLASSES, STAMPED, ShelvesConfig
from train.synth.shelves import render_shelf, write_shelves
from train.synth.stamps import random_stamp

PRINTED = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.EAN13, zxingcpp.BarcodeFormat.Code128])
CONFIG = ShelvesConfig(count=6, width_px=512, height_px=384, val_share=0.34, seed=5)


def test_a_set_of_shelves_opens_like_any_other_and_keeps_outlines_and_texts(tmp_path: Path):
    summary = write_shelves(tmp_path / "set", CONFIG)
    opened = open_set(tmp_path / "set")
    assert opened.description.classes == opened.description.labelled == SHELF_CLASSES
    assert summary["train"] == len(opened.pictures("train")) == 4
    for picture in opened.pictures("train"):
        rows = list(label_rows(opened.label_file(picture), len(SHELF_CLASSES)))
        regions = read_regions(opened.folder, "train", picture.stem)
        assert [SHELF_CLASSES.index(region.kind) for region in regions] == [class_id for class_id, _ in rows]
        for region, (_, (x, y, width, height)) in zip(regions, rows, strict=True):
            corners = np.array(region.outline) / (CONFIG.width_px, CONFIG.height_px)
            assert corners.min(axis=0) == pytest.approx([x - width / 2, y - height / 2], abs=1e-3)
            assert corners.max(axis=0) == pytest.approx([x + width / 2, y + height / 2], abs=1e-3)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path):
    few = CONFIG.model_copy(update={"count": 3})
    for name, config in (("a", few), ("b", few), ("c", few.model_copy(update={"seed": 6}))):
        write_shelves(tmp_path / name, config)
    assert digest_of(tmp_path / "a") == digest_of(tmp_path / "b")
    assert digest_of(tmp_path / "a") != digest_of(tmp_path / "c")


def test_codes_are_readable_where_the_labels_say_and_say_what_the_labels_say():
    config = ShelvesConfig(count=6, width_px=2800, height_px=2100, view_cm=(44, 52), tilt=0.02, seed=2)
    right = wrong = looked = 0
    for index in range(config.count):
        shown = render_shelf(config, index)
        for region in shown.regions:
            if region.kind != "barcode":
                continue
            left, top, right_edge, bottom = (round(value) for value in region.box())
            if right_edge - left < 150:
                continue  # too few pixels a module: readers guess there, and a check digit holds now and then
            piece = shown.image[max(0, top - 4) : bottom + 4, max(0, left - 20) : right_edge + 20]
            piece = cv2.resize(piece, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
            texts = {found.text for found in zxingcpp.read_barcodes(np.ascontiguousarray(piece), formats=PRINTED)}
            looked += 1
            right += region.text in texts
            wrong += bool(texts) and region.text not in texts
    assert looked >= 6
    assert wrong == 0
    assert right >= looked / 2


def test_every_field_of_a_label_belongs_to_one_article_and_lies_on_print():
    config = ShelvesConfig(count=8, seed=11)
    contrasts: list[float] = []
    for index in range(config.count):
        shown = render_shelf(config, index)
        grey = cv2.cvtColor(shown.image, cv2.COLOR_BGR2GRAY)
        for region in shown.regions:
            left, top, right, bottom = (round(value) for value in region.box())
            if region.kind != "product":
                contrasts.append(float(grey[top:bottom, left:right].std()))
        fields = [(region.article, region.kind) for region in shown.regions if region.kind != "product"]
        assert len(set(fields)) == len(fields)
    assert len(contrasts) > 40
    assert np.quantile(contrasts, 0.05) > 8


def test_dates_and_lots_are_stamped_onto_packs_and_all_else_stays_as_it_was():
    plain = ShelvesConfig(count=3, width_px=1200, height_px=900, view_cm=(30, 40), seed=8)
    dated = plain.model_copy(update={"dated": True})
    stamped = 0
    for index in range(plain.count):
        before, after = render_shelf(plain, index), render_shelf(dated, index)
        old = [(one.kind, one.text, one.box()) for one in before.regions]
        assert [(one.kind, one.text, one.box()) for one in after.regions if one.kind in SHELF_CLASSES] == old
        packs = {one.article for one in after.regions if one.kind == "product"}
        for one in (one for one in after.regions if one.kind in STAMPED and one.article in packs):
            stamped += 1
            left, top, right, bottom = (round(value) for value in one.box())
            piece = cv2.cvtColor(after.image[top:bottom, left:right], cv2.COLOR_BGR2GRAY)
            assert piece.std() > 5, f"{one.text} does not show"
    assert stamped > 6


def test_a_set_with_dates_has_their_classes_and_says_so_and_one_without_is_told_as_before(tmp_path: Path):
    few = CONFIG.model_copy(update={"count": 2, "val_share": 0.0})
    write_shelves(tmp_path / "plain", few)
    write_shelves(tmp_path / "dated", few.model_copy(update={"dated": True}))
    plain, dated = open_set(tmp_path / "plain").description, open_set(tmp_path / "dated").description
    assert dated.classes == SHELF_CLASSES + STAMPED
    assert '"dated":true' in dated.source
    assert plain.classes == SHELF_CLASSES
    assert "dated" not in plain.source


def test_most_stamps_say_one_thing_and_some_dates_two():
    rng = np.random.default_rng(4)
    stamps = [random_stamp(rng) for _ in range(400)]
    assert all(normalised("batch", stamp.lot) for stamp in stamps)
    clear = sum(normalised("date", stamp.date) is not None for stamp in stamps)
    assert 250 < clear < 380


def test_every_seed_renders_also_where_a_board_touches_the_pictures_edge():
    config = ShelvesConfig(count=120, width_px=320, height_px=240, seed=1)
    assert all(render_shelf(config, index).image.shape == (240, 320, 3) for index in range(config.count))
