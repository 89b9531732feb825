"""`edgekit demo --shop` tells products by the bundled classifier, and calls unknown what it never learnt."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from edge.cli import build
from edge.demo.shop import BUNDLE, TRUSTED_KEY, run_shop
from edge.demo.shop_pictures import MOST_OF_A_SET, strangers
from edge.model.bundle import open_classifier_bundle

LARGEST_BUNDLE_BYTES = 6_000_000


def demo(*words: str) -> Any:
    return CliRunner().invoke(build(["demo"]), ["demo", *words])


@pytest.fixture
def tagged(tmp_path: Path) -> Path:
    """Write a set of two pictures, one of them in the part that was learnt from."""
    folder = tmp_path / "shelf"
    (folder / "images").mkdir(parents=True)
    for name in ("lemon.jpg", "kiwi.jpg"):
        cv2.imwrite(str(folder / "images" / name), np.full((40, 60, 3), (20, 220, 230), np.uint8))
    return described(folder, "product")


def described(folder: Path, attribute: str, part: str = "val") -> Path:
    table = f"picture,part,group,{attribute}\nkiwi.jpg,train,,Kiwi\nlemon.jpg,{part},,Lemon\n"
    (folder / "tags.csv").write_text(table, encoding="utf-8")
    taxonomy = {"attributes": [{"name": attribute, "values": ["Kiwi", "Lemon"]}]}
    record = {"name": "shelf", "licence": "CC0-1.0", "source": "a test", "pictures": 2, "digest": "0" * 64}
    (folder / "tags.json").write_text(json.dumps({**record, "taxonomy": taxonomy}), encoding="utf-8")
    return folder


@pytest.fixture
def groceries(data_folder: Path, tmp_path: Path) -> Path:
    """Get the public set that the bundled classifier learnt from."""
    command = [sys.executable, "-m", "edge", "data", "get", "grocery-store", str(tmp_path / "set")]
    environment = {**os.environ, "EDGEKIT_DATA": str(data_folder)}
    subprocess.run(command, capture_output=True, timeout=110, check=True, env=environment)
    return tmp_path / "set"


def test_products_are_told_and_strangers_are_unknown(groceries: Path, tmp_path: Path):
    command = [sys.executable, "-m", "edge", "demo", "--shop", str(groceries), "--json"]
    picture = ("--picture", str(tmp_path / "shop.png"))
    done = subprocess.run([*command, *picture], capture_output=True, text=True, timeout=110, check=True)
    looks = json.loads(done.stdout)["looks"]
    assert len(looks) == MOST_OF_A_SET + len(strangers())
    right = sum(look["shown"] is not None and look["told"] == look["shown"] for look in looks)
    wrong = sum(look["told"] not in (None, look["shown"]) for look in looks)
    assert right > wrong
    assert all(look["told"] is None for look in looks if look["shown"] is None)
    sheet = cv2.imread(str(tmp_path / "shop.png"))
    assert sheet is not None
    assert sheet.shape == (3 * 234, 6 * 190, 3)


def test_what_is_shown_was_not_learnt_from_and_stands_beside_the_truth(tagged: Path, tmp_path: Path):
    done = demo("--shop", str(tagged), "--picture", str(tmp_path / "shop.jpg"))
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.output.splitlines()]
    assert ["lemon.jpg", "Lemon"] in [line[:2] for line in lines]
    assert "kiwi.jpg" not in done.output
    for stranger in strangers():
        told = next(line for line in lines if line and line[0] == stranger.file)
        assert (told[1:3], told[4]) == (["nothing", "learnt"], "unknown")
    assert "1 pictures of products: " in done.output
    assert (tmp_path / "shop.jpg").stat().st_size > 5_000


def test_what_cannot_be_shown_is_refused_with_its_reason(tagged: Path, tmp_path: Path):
    picture = ("--picture", str(tmp_path / "shop.jpg"))
    assert "has its own model and no clip" in str(demo("--shop", str(tagged), "--clip", "a.mp4").exception)
    assert "have no product" in str(demo("--shop", str(described(tagged, "colour")), *picture).exception)
    described(tagged, "product")
    assert "has to end in one of .jpg" in str(demo("--shop", str(tagged), "--picture", "shop.txt").exception)
    assert "has no file for backend openvino" in str(
        demo("--shop", str(tagged), "--backend", "openvino", *picture).exception
    )
    assert "no picture in its part val" in str(demo("--shop", str(described(tagged, "product", "train"))).exception)
    assert not (tmp_path / "shop.jpg").exists()


def test_the_bundled_classifier_is_small_measured_and_names_its_data_and_licences():
    bundle = open_classifier_bundle(BUNDLE, [TRUSTED_KEY])
    assert sum(entry.size for entry in bundle.manifest.files) <= LARGEST_BUNDLE_BYTES
    (model,) = bundle.manifest.models
    assert (model.format, model.precision) == ("onnx", "int8")
    assert 0 < model.metrics["accuracy/product"] < model.metrics["accuracy/category"] < 1
    assert bundle.manifest.licence == "Apache-2.0"
    assert [(entry.name, entry.licence) for entry in bundle.manifest.data] == [("grocery-store", "MIT")]
    assert bundle.manifest.recipe.startswith("edgekit train classifier ")


def test_a_sheet_of_few_pictures_is_no_wider_than_they_are(tmp_path: Path):
    looked = run_shop(tmp_path / "few.png", strangers(), "auto").looks
    sheet = cv2.imread(str(tmp_path / "few.png"))
    assert sheet is not None
    assert sheet.shape == (234, len(looked) * 190, 3)
