"""The detector: a bundle's model on an engine, from a picture to what stands in it."""

import importlib.util
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.bundle import AnyManifest, Bundle
from edge.model.decode import Decoder
from edge.model.detections import Detections, iou
from edge.model.engine import Engine, EngineInfo, EngineRequest, Outputs, Placement
from edge.model.geometry import Bgr, Letterbox, Picture
from edge.model.manifest import ModelFile
from edge.model.picture import decode_picture

Backend = Literal["auto", "openvino", "onnxruntime"]
PrecisionChoice = Literal["auto", "int8", "fp32"]
ENGINE_OF: dict[str, Literal["openvino", "onnxruntime"]] = {"openvino": "openvino", "onnx": "onnxruntime"}


class Detector:
    """A loaded detector. Its methods may be called from as many threads at once as the engine has requests.

    Args:
        engine: Runs the model.
        decoder: Knows its head.
        classes: Names in the order of their ids.
        height: Rows of the input.
        width: Columns of the input.

    Raises:
        EdgekitError: The engine's output cannot be from the decoder's head.
    """

    def __init__(self, engine: Engine, decoder: Decoder, classes: tuple[str, ...], height: int, width: int) -> None:
        if not decoder.outputs_fit(engine.output_shapes):
            told = ", ".join(map(str, engine.output_shapes))
            raise EdgekitError(
                f"the model's output is {told}, no {decoder.head} head of {len(classes)} classes: "
                "this version knows yolo-grid (1, 4 + classes, N) and yolo-topk (1, K, 6), and their -seg forms with "
                "coefficients behind and prototypes beside them; export the model anew"
            )
        self.classes = classes
        self.info: EngineInfo = engine.info
        self._engine = engine
        self._decoder = decoder
        self._height = height
        self._width = width

    def prepare(self, picture: Picture) -> tuple[NDArray[np.uint8], Letterbox]:
        """Return the input (1, height, width, 3) for a picture, and how it lies in it."""
        letterbox = Letterbox.fit(picture.width, picture.height, self._width, self._height)
        tensor = np.empty((1, self._height, self._width, 3), np.uint8)
        letterbox.draw(picture, tensor[0])
        return tensor, letterbox

    def infer(self, tensor: NDArray[np.uint8]) -> Outputs:
        """Return the head's raw predictions for an input."""
        return self._engine.infer(tensor)

    def decode(self, outputs: Outputs, letterbox: Letterbox) -> Detections:
        """Return what the predictions say, in pixels of the picture."""
        return self._decoder.decode(outputs, letterbox)

    @property
    def score_threshold(self) -> float:
        """The score below which nothing counts."""
        return self._decoder.score_threshold

    def at_threshold(self, score: float) -> "Detector":
        """Return the same detector on the same engine, with another score below which nothing counts."""
        return Detector(
            self._engine, replace(self._decoder, score_threshold=score), self.classes, self._height, self._width
        )

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Return what stands in a picture (H, W, 3) uint8 BGR."""
        tensor, letterbox = self.prepare(Bgr(image))
        return self.decode(self.infer(tensor), letterbox)


def load_detector(
    bundle: Bundle,
    *,
    backend: Backend = "auto",
    precision: PrecisionChoice = "auto",
    requests: int = 1,
    score_threshold: float | None = None,
    placement: Placement | None = None,
) -> Detector:
    """Load a bundle's model and let it prove itself on the bundle's own self-test.

    Args:
        bundle: The verified bundle.
        backend: `auto` takes OpenVINO where it is installed and the bundle has a file for it, else ONNX Runtime.
        precision: `auto` takes INT8 before FP32.
        requests: Pictures that may be in inference at the same time.
        score_threshold: In place of the bundle's own.
        placement: Where and how it is to compute; on the CPU in f32 where nothing is said.

    Raises:
        EdgekitError: The bundle has no such file, the engine cannot load it, its head is unknown, or it fails its
            self-test on this machine.
    """
    name, model = choose_model(bundle, backend, precision)
    manifest = bundle.manifest
    engine = load_engine(
        name,
        EngineRequest(
            bundle.model(model),
            model.precision,
            manifest.input.height,
            manifest.input.width,
            requests,
            placement or Placement(),
        ),
    )
    decoder = Decoder(manifest.head, len(manifest.classes), manifest.thresholds.score, manifest.thresholds.nms_iou)
    detector = Detector(engine, decoder, manifest.classes, manifest.input.height, manifest.input.width)
    self_test(bundle, detector)
    return detector if score_threshold is None else detector.at_threshold(score_threshold)


def self_test(bundle: Bundle, detector: Detector) -> None:
    """Check that a detector finds what the bundle says it must in the bundle's own picture.

    Raises:
        EdgekitError: The picture cannot be read, or something expected was not found.
    """
    test = bundle.manifest.self_test
    # What the test expects may lie below the threshold of use, or just above it where another engine lands just below.
    weakest = min(expected.score for expected in test.expected) - test.score_tolerance
    lenient = detector.at_threshold(max(0.0, min(bundle.manifest.thresholds.score, weakest)))
    found = lenient.detect(decode_picture(bundle.read(test.picture), f"the self-test picture of {bundle.directory}"))
    for expected in test.expected:
        if expected.label not in bundle.manifest.classes:
            raise EdgekitError(f"the self-test of {bundle.directory} expects the unknown class {expected.label!r}")
        alike = found.class_id == bundle.manifest.classes.index(expected.label)
        near = iou(found.xyxy, np.array(expected.xyxy, np.float32)) >= test.least_iou
        sure = np.abs(found.score - expected.score) <= test.score_tolerance
        if not (alike & near & sure).any():
            info = detector.info
            raise EdgekitError(
                f"{bundle.directory} fails its self-test on {info.backend} {info.version} ({info.precision}): "
                f"no {expected.label} of score {expected.score:.2f} at {[round(v) for v in expected.xyxy]}; "
                "this machine computes the model wrongly, try the other backend or precision in [inference]"
            )


def choose_model(
    bundle: Bundle[AnyManifest], backend: Backend, precision: PrecisionChoice
) -> tuple[Literal["openvino", "onnxruntime"], ModelFile]:
    """Return which engine runs which of a bundle's model files.

    Args:
        bundle: A detector's or a classifier's.
        backend: `auto` takes OpenVINO where it is installed and the bundle has a file for it, else ONNX Runtime.
        precision: `auto` takes INT8 before FP32.

    Raises:
        EdgekitError: The bundle has no such file.
    """
    candidates = ("openvino", "onnxruntime") if backend == "auto" else (backend,)
    for format_, name in ENGINE_OF.items():
        model = bundle.find(format_, precision)
        if name in candidates and model and (backend != "auto" or importlib.util.find_spec(name) is not None):
            return name, model
    held = ", ".join(f"{model.format} {model.precision}" for model in bundle.manifest.models)
    raise EdgekitError(
        f"{bundle.directory} has no file for backend {backend} and precision {precision}; it holds {held}: "
        "choose among these in [inference]"
    )


def load_engine(name: str, request: EngineRequest) -> Engine:
    """Load a model file on the engine of a name, `openvino` or `onnxruntime`.

    Raises:
        EdgekitError: The engine cannot load it, or its input is not the one that was asked for.
    """
    # Only the engine that runs is imported: each costs a second and tens of megabytes on a small box.
    if name == "openvino":
        from edge.model.openvino_engine import OpenvinoEngine  # noqa: PLC0415

        return OpenvinoEngine(request)
    from edge.model.onnx_engine import OnnxEngine  # noqa: PLC0415

    return OnnxEngine(request)
