"""How many pictures of what it never learnt a bundled classifier calls unknown.

    python tests/peers/strangers.py BUNDLE KEY.pub --attribute product --pictures FOLDER …

Every picture below each folder counts as a stranger: name folders of things that the classifier was not shown.
"""

import argparse
from pathlib import Path

from edge.evaluate.dataset import PICTURES
from edge.model.bundle import open_classifier_bundle
from edge.model.classifier import load_classifier
from edge.model.picture import read_picture


def main() -> None:
    """Print the share of each folder, for each file of the bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("key", type=Path)
    parser.add_argument("--attribute", default="product")
    parser.add_argument("--pictures", type=Path, nargs="+", required=True)
    asked = parser.parse_args()
    bundle = open_classifier_bundle(asked.bundle, [asked.key])
    for model in bundle.manifest.models:
        backend = "openvino" if model.format == "openvino" else "onnxruntime"
        classifier = load_classifier(bundle, backend=backend, precision=model.precision)
        for folder in asked.pictures:
            paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
            unknown = sum(classifier.classify(read_picture(path)).value(asked.attribute) is None for path in paths)
            print(
                f"{backend} {model.precision} {folder}: {unknown} of {len(paths)} unknown, {unknown / len(paths):.1%}"
            )


if __name__ == "__main__":
    main()
