"""The bundles that are named for a held-out test are whole, and tell their own self-test."""

from pathlib import Path

import pytest

from edge.model.bundle import open_classifier_bundle
from edge.model.classifier import load_classifier
from edge.model.picture import read_picture

HERE = Path(__file__).parent
BUNDLES = sorted(manifest.parent for manifest in HERE.glob("*/manifest.json"))


def test_there_are_bundles() -> None:
    assert BUNDLES


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda folder: folder.name)
def test_a_bundle_is_signed_and_tells_its_self_test(folder: Path) -> None:
    bundle = open_classifier_bundle(folder, [HERE / "bundle.pub"])
    assert [entry.licence for entry in bundle.manifest.data] == ["MIT"]
    for model in bundle.manifest.models:
        assert 0 < model.metrics["accuracy/product"] < 1
        backend = "openvino" if model.format == "openvino" else "onnxruntime"
        classifier = load_classifier(bundle, backend=backend)
        said = classifier.classify(read_picture(folder / bundle.manifest.self_test_picture))
        assert said.value("product") == "Zucchini"
