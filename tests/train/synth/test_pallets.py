"""Rendered pallets: a set like any other, whose codes say what their labels say, cartons on the load they belong to."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from typer.testing import CliRunner

from edge.evaluate.dataset import open_set
from edge.evaluate.labels import label_rows
from train.sets import CLASSES, digest_of
from train.synth.cli import app
from train.synth.pallets import LOAD, render_pallets, write_pallets
from train.synth.printed import LABEL
from train.synth.regions import read_regions
from train.synth.settings import PalletsConfig

CONFIG = PalletsConfig(count=4, width_px=320, height_px=240, val_share=0.25, seed=5)


def test_a_set_of_pallets_opens_like_any_other_and_keeps_outlines_texts_and_loads(tmp_path: Path):
    done = CliRunner().invoke(
        app,
        f"pallets {tmp_path / 'set'} --count 4 --seed 5 --width-px 320 --height-px 240 --val-share 0.25".split(),
    )
    assert done.exit_code == 0, done.output
    opened = open_set(tmp_path / "set")
    assert opened.description.labelled == CLASSES
    assert len(opened.pictures("train")) == 3
    kinds: set[str] = set()
    for picture in opened.pictures("train"):
        rows = list(label_rows(opened.label_file(picture), len(CLASSES)))
        regions = read_regions(opened.folder, "train", picture.stem)
        labelled, others = regions[: len(rows)], regions[len(rows) :]
        assert [CLASSES.index(region.kind) for region in labelled] == [class_id for class_id, _ in rows]
        assert all(bool(region.text) == (region.kind in ("barcode", "qr", LABEL)) for region in regions)
        assert {region.kind for region in others} <= {LOAD, LABEL}
        kinds |= {region.kind for region in regions}
    assert kinds >= {"carton", LOAD}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path):
    few = CONFIG.model_copy(update={"count": 2, "val_share": 0.0})
    for name, config in (("a", few), ("b", few), ("c", few.model_copy(update={"seed": 6}))):
        write_pallets(tmp_path / name, config)
    assert digest_of(tmp_path / "a") == digest_of(tmp_path / "b")
    assert digest_of(tmp_path / "a") != digest_of(tmp_path / "c")


def near_edge(xyxy: tuple[float, float, float, float], config: PalletsConfig) -> bool:
    left, top, right, bottom = xyxy
    return min(left, top) < 60 or right > config.width_px - 60 or bottom > config.height_px - 60


@pytest.mark.parametrize("above_share", [0.0, 1.0])
def test_every_carton_lies_within_a_load_from_within_the_aisle_and_from_above(above_share: float):
    config = CONFIG.model_copy(update={"above_share": above_share})
    cartons = 0
    for index in range(3):
        picture = render_pallets(config, index)
        loads = [np.array(region.outline, np.float32) for region in picture.unlabelled if region.kind == LOAD]
        for box in picture.boxes:
            if CLASSES[box.class_id] != "carton" or near_edge(box.xyxy, config):
                continue  # a load that is mostly outside the picture has no region
            corners = np.array(box.outline, np.float32)
            inside = [
                all(cv2.pointPolygonTest(load, (float(x), float(y)), True) > -2 for x, y in corners) for load in loads
            ]
            assert any(inside)
            cartons += 1
    assert cartons > 20


def test_codes_on_cartons_read_as_their_regions_say():
    config = PalletsConfig(count=2, width_px=1600, height_px=1200, above_share=0.0, seed=3)
    picture = render_pallets(config, 1)
    right = wrong = 0
    for box in picture.boxes:
        left, top, right_edge, bottom = (round(value) for value in box.xyxy)
        if CLASSES[box.class_id] == "carton" or min(right_edge - left, bottom - top) < 40:
            continue
        piece = picture.image[max(0, top - 12) : bottom + 12, max(0, left - 12) : right_edge + 12]
        texts = {found.text for found in zxingcpp.read_barcodes(np.ascontiguousarray(piece))}
        right += box.text in texts
        wrong += bool(texts) and box.text not in texts
    assert right >= 6
    assert wrong == 0
