"""New products are taught to a bundle by a command, from a few pictures each, and a box's classifier tells them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from devices.errors import EdgekitError
from edge.model.bundle import open_classifier_bundle
from edge.model.classifier import load_classifier, load_gallery
from edge.tags.said import said_of
from train.cli import app

Make = Callable[..., Any]
COLOURS = {"teal": (200, 200, 20), "mud": (20, 90, 120)}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Make a folder of two products with three pictures each, a bit brighter one after the other."""
    for name, bgr in COLOURS.items():
        folder = tmp_path / "new" / name
        folder.mkdir(parents=True)
        for number in range(3):
            shade = np.clip(np.array(bgr) + 8 * number, 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / f"{number}.png"), np.full((40, 40, 3), shade, np.uint8))
    return tmp_path / "new"


def teach(made: Any, pictures: Path, out: Path, *more: str) -> Any:
    arguments = ("--bundle", made.folder, "--trusted-key", made.public, "--key", made.private, "--pictures", pictures)
    return CliRunner().invoke(app, ["gallery", str(out), *map(str, arguments), "--attribute", "colour", *more])


def test_taught_products_are_told_and_the_new_bundle_is_signed(
    make_classifier_bundle: Make, pictures: Path, tmp_path: Path
):
    made = make_classifier_bundle(embedding=3)
    done = teach(made, pictures, tmp_path / "taught", "--threshold", "0.6")
    assert done.exit_code == 0, done.output
    assert "2 products from 6 pictures" in done.output
    assert "most alike: mud and teal, 0.66" in done.output
    assert "may take one for the other" in done.output
    bundle = open_classifier_bundle(tmp_path / "taught", [made.public])
    assert (bundle.manifest.release, bundle.manifest.gallery) == (2, True)
    classifier, gallery = load_classifier(bundle), load_gallery(bundle)
    said = said_of(classifier.classify(np.full((30, 30, 3), (205, 195, 25), np.uint8)), classifier.taxonomy, gallery)
    assert ("colour", "teal", "gallery") in {(tag.key, tag.value, tag.source.value) for tag in said}
    again = teach(made, pictures, tmp_path / "taught")
    assert isinstance(again.exception, EdgekitError)  # what stands there is not written over


def test_what_cannot_be_taught_is_refused_and_leaves_nothing(
    make_classifier_bundle: Make, pictures: Path, tmp_path: Path
):
    plain = make_classifier_bundle()
    done = teach(plain, pictures, tmp_path / "out")
    assert "gives no embeddings" in str(done.exception)
    (pictures / "empty").mkdir()
    done = teach(make_classifier_bundle(embedding=3), pictures, tmp_path / "out")
    assert "a picture of each product: empty" in str(done.exception)
    (pictures / "empty").rmdir()
    for number in range(9):
        (pictures / "mud" / f"more{number}.png").write_bytes((pictures / "mud" / "0.png").read_bytes())
    done = teach(make_classifier_bundle(embedding=3), pictures, tmp_path / "out")
    assert "mud: more than 8 pictures" in str(done.exception)
    assert not (tmp_path / "out").exists()
