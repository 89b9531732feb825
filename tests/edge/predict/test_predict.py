"""Single pictures through detector, gallery, classifier and code readers: what is said, saved, and left out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import zxingcpp
from typer.testing import CliRunner

from devices.errors import EdgekitError
from edge.cli import build
from edge.model.gallery import Gallery, build_gallery
from edge.predict.pictures import check_names, find_pictures
from edge.predict.prediction import Prediction
from edge.predict.predictor import PredictorChoice, load_predictor
from edge.tags.events import TagSource

Make = Callable[..., Any]
RED = (10, 10, 230)


def ask(*words: str) -> Any:
    return CliRunner().invoke(build(["predict"]), ["predict", *words])


def picture(path: Path, colour: tuple[int, int, int] = RED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((48, 64, 3), colour, np.uint8))
    return path


def gallery() -> Gallery:
    cyan = np.array([0.7, 0.7, 0.1414], np.float32)
    return build_gallery({"mint": [cyan]}, attribute="product")


def test_objects_tags_and_products_of_a_gallery_are_told(make_bundle: Make, make_classifier_bundle: Make):
    detector, classifier = make_bundle(), make_classifier_bundle(gallery=gallery())
    predictor = load_predictor(PredictorChoice((detector.folder, classifier.folder), (detector.public,), formats=()))
    image = np.full((48, 64, 3), (230, 230, 30), np.uint8)
    said = predictor.predict(image, "a.png")
    assert [(one.label, one.xyxy) for one in said.objects] == [("carton", (16.0, 16.0, 48.0, 32.0))]
    assert ("product", "mint", TagSource.GALLERY) in {(tag.key, tag.value, tag.source) for tag in said.tags}
    assert {tag.value for tag in said.objects[0].tags} == {tag.value for tag in said.tags} == {"cold", "mint"}
    red = predictor.predict(np.full((48, 64, 3), RED, np.uint8), None)
    assert [(tag.key, tag.value) for tag in red.tags] == [("colour", "red"), ("warmth", "warm")]
    assert said.models.detector is not None
    assert said.models.detector != said.models.classifier


def test_codes_are_read_and_a_picture_without_objects_says_so(make_bundle: Make, tmp_path: Path):
    bundle = make_bundle()
    code = zxingcpp.create_barcode("PK32753175", zxingcpp.BarcodeFormat.DataMatrix)
    grey = np.pad(np.asarray(code.to_image(scale=6), np.uint8), 60, constant_values=255)
    cv2.imwrite(str(tmp_path / "code.png"), np.minimum(grey, 100))  # dark: the model finds nothing bright enough
    done = ask(
        str(tmp_path / "code.png"), "--bundle", str(bundle.folder), "--trusted-key", str(bundle.public), "--json"
    )
    assert done.exit_code == 0, done.output
    said = Prediction.model_validate_json(done.output)
    assert said.objects == ()
    assert [(code.text, code.symbology) for code in said.codes] == [("PK32753175", "DataMatrix")]


def test_a_folder_is_saved_with_boxes_and_a_broken_picture_stops_no_other(make_bundle: Make, tmp_path: Path):
    bundle, shop = make_bundle(), tmp_path / "shop"
    picture(shop / "a" / "one.png")
    picture(shop / "b" / "one.png")
    (shop / "b" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    words = [str(shop), "--bundle", str(bundle.folder), "--trusted-key", str(bundle.public), "--no-codes"]
    done = ask(*words, "--save", str(tmp_path / "seen"))
    assert done.exit_code == 1
    assert "1 of 3 pictures could not be read" in str(done.exception)
    lines = [json.loads(line) for line in (tmp_path / "seen" / "predictions.jsonl").read_text().splitlines()]
    assert [Path(line["picture"]).name for line in lines] == ["one.png", "broken.jpg", "one.png"]
    assert "cannot be read" in lines[1]["error"]
    saved = cv2.imread(str(tmp_path / "seen" / "a" / "one.png.jpg"))
    assert saved is not None
    assert np.abs(saved.astype(int) - np.array(RED)).max() > 60  # a box was drawn
    again = ask(*words, "--save", str(tmp_path / "seen"))
    assert "exists" in str(again.exception)


def test_two_bundles_for_one_thing_and_half_a_trust_are_refused(make_bundle: Make, tmp_path: Path):
    one, other = make_bundle(), make_bundle()
    shown = str(picture(tmp_path / "a.png"))
    with pytest.raises(EdgekitError, match="what another --bundle does"):
        load_predictor(PredictorChoice((one.folder, other.folder), (one.public,)))
    assert "--trusted-key" in str(ask(shown, "--bundle", str(one.folder)).exception)
    assert "name the bundle" in str(ask(shown, "--trusted-key", str(one.public)).exception)


def test_pictures_that_would_be_saved_over_one_another_are_refused(tmp_path: Path):
    first, second = picture(tmp_path / "a" / "one.png"), picture(tmp_path / "b" / "one.png")
    with pytest.raises(EdgekitError, match="folder above both"):
        check_names(find_pictures([first, second]))
    check_names(find_pictures([tmp_path]))
    with pytest.raises(EdgekitError, match="no picture or folder"):
        find_pictures([tmp_path / "nothing"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(EdgekitError, match="holds no picture"):
        find_pictures([tmp_path / "empty"])
