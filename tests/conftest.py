"""What all tests share: the rule for skips, data from outside, and a tiny model in a signed bundle."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import hypothesis
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.model.bundle import build_bundle
from edge.model.classifier_manifest import ClassifierManifest, ClassifierSelfTest, ExpectedTag
from edge.model.gallery import Gallery
from edge.model.manifest import Expected, FileEntry, Input, Manifest, ModelFile, SelfTest, Thresholds, WeightsEntry
from edge.model.signature import create_key, load_private
from edge.model.taxonomy import Attribute, Taxonomy

_LEAST_FREE = 1 << 30  # bytes
# A law holds or does not; how long one example takes on a busy machine says nothing about it.
hypothesis.settings.register_profile("edgekit", deadline=None)
hypothesis.settings.load_profile("edgekit")

ACCEPTED = Path(__file__).parent / "missing_hardware.txt"


def accepted_reasons() -> list[re.Pattern[str]]:
    lines = ACCEPTED.read_text(encoding="utf-8").splitlines()
    return [re.compile(line) for line in lines if line and not line.startswith("#")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure under EDGEKIT_STRICT_SKIPS unless its reason is a listed lack of hardware."""
    del item, call
    report = yield
    # An expected failure reports itself as skipped too; xfail_strict looks after those.
    expected_failure = hasattr(report, "wasxfail")
    if report.skipped and not expected_failure and os.environ.get("EDGEKIT_STRICT_SKIPS") == "1":
        reason: Any = report.longrepr
        text = str(reason[2]) if isinstance(reason, tuple) else str(reason)
        text = text.removeprefix("Skipped: ")
        if not any(pattern.fullmatch(text) for pattern in accepted_reasons()):
            report.outcome = "failed"
            report.longrepr = f"skipped for a reason that tests/missing_hardware.txt does not list: {text}"
    return report


@pytest.fixture
def ram_path() -> Generator[Path]:
    """Return an empty folder in memory, where the system has one.

    For tests that write or sync thousands of times: what a killed process has written stays there as it does on a disk,
    and no other load on the disk makes them wait. No test can cut the power, so none loses a promise by it.
    """
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    usable = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _LEAST_FREE
    with tempfile.TemporaryDirectory(prefix="edgekit-", dir=memory if usable else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The real pictures and weights; a test that needs them is skipped where there are none."""
    folder = os.environ.get("EDGEKIT_DATA")
    if not folder:
        pytest.skip("EDGEKIT_DATA is not set: the real pictures are elsewhere")
    return Path(folder)


def brightness_model(
    path: Path,
    *,
    classes: int = 3,
    size: int = 64,
    head_rows: int | None = None,
    segments: bool = False,
    printed: bool = False,
) -> Path:
    """Write a detector whose one box lies in the middle and whose score is the brightest value of the picture.

    Args:
        path: The ONNX file to write.
        classes: The first of them is the one that is found.
        size: Side of the square input.
        head_rows: Rows of the output, if not those of a `yolo-grid` head: no head that anybody knows.
        segments: The head is `yolo-grid-seg`: of what is found, the left half of the picture is its own.
        printed: Something of the second class is found too: a band in the middle of the first.
    """
    rows = 4 + classes + segments if head_rows is None else head_rows
    # Four candidates, so that the shape is a grid's; the last three never score.
    shape = np.zeros((1, rows, 4), np.float32)
    shape[0, :4, 0] = [size / 2, size / 2, size / 2, size / 4]
    prototype = np.full((1, 1, size // 4, size // 4), -1, np.float32)
    prototype[..., : size // 8] = 1
    if segments:
        shape[0, -1, 0] = 1
    mask = np.zeros((1, rows, 4), np.float32)
    mask[0, min(4, rows - 1), 0] = 1 / 255
    if printed:
        shape[0, :4, 1] = [size / 2, size / 2, size * 0.45, size * 0.15]
        mask[0, 5, 1] = 1 / 255
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["float"], ["peak"], keepdims=0),
        helper.make_node("Mul", ["mask", "peak"], ["scores"]),
        helper.make_node("Add", ["shape", "scores"], ["predictions"]),
    ]
    outputs = [helper.make_tensor_value_info("predictions", TensorProto.FLOAT, [1, rows, 4])]
    constants = [numpy_helper.from_array(shape, "shape"), numpy_helper.from_array(mask, "mask")]
    if segments:
        nodes.append(helper.make_node("Identity", ["prototype"], ["prototypes"]))
        outputs.append(helper.make_tensor_value_info("prototypes", TensorProto.FLOAT, prototype.shape))
        constants.append(numpy_helper.from_array(prototype, "prototype"))
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, size, size, 3])],
        outputs,
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, str(path))
    return path


@dataclass(frozen=True)
class SignedBundle:
    """A bundle's folder, the keys of its signer, and its export."""

    folder: Path
    public: Path
    private: Path
    export: Path


@pytest.fixture
def make_bundle(tmp_path: Path) -> Callable[..., SignedBundle]:
    """Build bundles around the brightness model; keyword arguments change the model or the manifest."""

    def make(
        *, head_rows: int | None = None, segments: bool = False, printed: bool = False, **manifest_changes: Any
    ) -> SignedBundle:
        private, public = tmp_path / "key.pem", tmp_path / "key.pub"
        if not private.exists():
            create_key(private, public)
        export = tmp_path / "export"
        export.mkdir(exist_ok=True)
        brightness_model(export / "detector.onnx", head_rows=head_rows, segments=segments, printed=printed)
        picture = tmp_path / "self-test.png"
        cv2.imwrite(str(picture), np.full((48, 64, 3), 230, np.uint8))
        changes: dict[str, Any] = {
            "release": 1,
            "self_test": SelfTest(
                picture="self-test.png", expected=(Expected(label="carton", score=0.9, xyxy=(16, 16, 48, 32)),)
            ),
            "thresholds": Thresholds(score=0.5, nms_iou=0.6),
            **manifest_changes,
        }
        manifest = Manifest(
            name="brightness",
            version="1",
            licence="Apache-2.0",
            classes=("carton", "price" if printed else "barcode", "qr"),
            input=Input(height=64, width=64),
            head="yolo-grid-seg" if segments else "yolo-grid",
            models=(
                ModelFile(path="detector.onnx", format="onnx", precision="fp32"),
                ModelFile(path="detector.onnx", format="openvino", precision="fp32"),
            ),
            data=(),
            weights=WeightsEntry(name="none", licence="Apache-2.0", source="made by the test"),
            recipe="none",
            files=(FileEntry(path="unset", sha256="0" * 64, size=0),),
            **changes,
        )
        folder = tmp_path / f"bundle-{len(list(tmp_path.glob('bundle-*')))}"
        members = {path.name: path.read_bytes() for path in (export / "detector.onnx", picture)}
        build_bundle(folder, manifest, members, load_private(private))
        return SignedBundle(folder, public, private, export)

    return make


COLOURS = Taxonomy(
    attributes=(
        Attribute(name="colour", values=("blue", "green", "red")),
        Attribute(name="warmth", values=("cold", "warm"), implied_by="colour", follows=(0, 0, 1)),
    )
)


def colour_model(path: Path, size: int = 32, *, embedding: bool = False) -> Path:
    """Write a classifier of three columns: blue, green and red, by the mean of each channel, as a softmax.

    Args:
        path: The ONNX file to write.
        size: Side of the square input.
        embedding: Whether the mean of each channel follows, as a vector of unit length.
    """
    scores = "scores" if embedding else "predictions"
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Mul", ["mean", "gain"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [scores], axis=1),
    ]
    if embedding:
        nodes.append(helper.make_node("LpNormalization", ["mean"], ["unit"], axis=1, p=2))
        nodes.append(helper.make_node("Concat", ["scores", "unit"], ["predictions"], axis=1))
    graph = helper.make_graph(
        nodes,
        "colour",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, size, size, 3])],
        [helper.make_tensor_value_info("predictions", TensorProto.FLOAT, [1, 6 if embedding else 3])],
        [numpy_helper.from_array(np.array([0.05], np.float32), "gain")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, str(path))
    return path


@pytest.fixture
def make_classifier_bundle(tmp_path: Path) -> Callable[..., SignedBundle]:
    """Build bundles around the colour model, with a gallery if told; keyword arguments change the manifest."""

    def make(*, gallery: Gallery | None = None, **manifest_changes: Any) -> SignedBundle:
        private, public = tmp_path / "key.pem", tmp_path / "key.pub"
        if not private.exists():
            create_key(private, public)
        export = tmp_path / "classifier-export"
        export.mkdir(exist_ok=True)
        colour_model(export / "classifier.onnx", embedding=gallery is not None or "embedding" in manifest_changes)
        picture = tmp_path / "red.png"
        cv2.imwrite(str(picture), np.full((32, 32, 3), (0, 0, 200), np.uint8))
        changes: dict[str, Any] = {
            "models": (
                ModelFile(path="classifier.onnx", format="onnx", precision="fp32"),
                ModelFile(path="classifier.onnx", format="openvino", precision="fp32"),
            ),
            "thresholds": {"colour": 0.6, "warmth": 0.7},
            "self_test": ClassifierSelfTest(
                picture="red.png", expected=(ExpectedTag(attribute="colour", value="red", score=1.0),)
            ),
            **({"embedding": 3, "gallery": True} if gallery is not None else {}),
            **manifest_changes,
        }
        manifest = ClassifierManifest(
            name="colour",
            version="1",
            release=1,
            licence="Apache-2.0",
            taxonomy=COLOURS,
            input=Input(height=32, width=32),
            data=(),
            weights=WeightsEntry(name="none", licence="Apache-2.0", source="made by the test"),
            recipe="none",
            files=(FileEntry(path="unset", sha256="0" * 64, size=0),),
            **changes,
        )
        folder = tmp_path / f"classifier-bundle-{len(list(tmp_path.glob('classifier-bundle-*')))}"
        members = {path.name: path.read_bytes() for path in (export / "classifier.onnx", picture)}
        members |= gallery.files() if gallery is not None else {}
        build_bundle(folder, manifest, members, load_private(private))
        return SignedBundle(folder, public, private, export)

    return make
