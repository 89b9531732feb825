"""The same network run as edgekit runs it, and as people would run it without."""

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
_NMS_IOU = 0.6


@dataclass(frozen=True, slots=True)
class Plan:
    """What all ways have in common.

    Attributes:
        ours: The file that edgekit runs (uint8 NHWC): .onnx, or .xml of INT8.
        openvino: Folder of ultralytics' OpenVINO export.
        onnx: Its ONNX export (float NCHW).
        classes: Names, in the order of their ids.
        clip: H.264.
        data: A set, for accuracy on its part val.
        height: Rows of our file's input.
        width: Columns.
        peer_px: Side of the peers' square input.
        hint: In what OpenVINO computes floats.
        requests: Of ours, at full speed.
    """

    ours: Path
    openvino: Path
    onnx: Path
    classes: tuple[str, ...]
    clip: Path
    data: Path
    height: int
    width: int
    peer_px: int
    hint: str
    requests: int


class Way(Protocol):
    """One way to run the network."""

    def find(self, image: Image) -> Any:
        """Return edgekit's Detections in a picture (H, W, 3) uint8 BGR."""
        ...

    def play(self, clip: Path) -> Iterator[None]:
        """Go through a clip from its file on, and yield after each frame."""
        ...


class Edgekit:
    """The runtime's own parts, with a shelf zone over the picture and its events committed."""

    def __init__(self, plan: Plan, score: float, requests: int) -> None:
        from edge.model.decode import Decoder  # noqa: PLC0415 - a way loads only what it runs
        from edge.model.detector import Detector, load_engine  # noqa: PLC0415
        from edge.model.engine import EngineRequest, ModelContent, Placement  # noqa: PLC0415

        precision = "int8" if plan.ours.suffix == ".xml" else "fp32"
        request = EngineRequest(
            ModelContent.read(plan.ours),
            precision,
            plan.height,
            plan.width,
            requests,
            Placement(hint=cast("Any", plan.hint)),
        )
        decoder = Decoder("yolo-grid", len(plan.classes), score, _NMS_IOU)
        engine = load_engine("openvino", request)
        self._detector = Detector(engine, decoder, plan.classes, plan.height, plan.width)

    def find(self, image: Image) -> Any:
        """Return what is found."""
        return self._detector.detect(image)

    def play(self, clip: Path) -> Iterator[None]:
        """Let the pipeline play it; its frames are told when it is through."""
        from pipeline import Pipeline  # noqa: PLC0415  # pyright: ignore[reportMissingImports] - beside this file

        from edge.mqtt.conversion import Origin  # noqa: PLC0415
        from edge.mqtt.outbox import Outbox  # noqa: PLC0415
        from edge.video.sources import open_source  # noqa: PLC0415

        origin = Origin("bench", "box", "run")
        with (
            tempfile.TemporaryDirectory() as folder,
            Outbox.open(Path(folder) / "outbox.db", origin=origin) as outbox,
        ):
            self.rate = Pipeline(self._detector, outbox).run([open_source], clip).frames_per_second
        yield None


class Ultralytics:
    """`predict(stream=True)`, as its documents have it."""

    def __init__(self, plan: Plan, score: float, requests: int) -> None:
        del requests
        import openvino as ov  # noqa: PLC0415

        from train import ultralytics_adapter as yolo  # noqa: PLC0415

        core: Any = ov.Core
        compile_model = core.compile_model

        def in_hint(self: Any, graph: Any, device_name: str | None = None, config: dict[str, Any] | None = None) -> Any:
            wanted = {**(config or {}), "INFERENCE_PRECISION_HINT": plan.hint}
            return compile_model(self, graph, device_name, wanted)

        core.compile_model = in_hint
        self._model = yolo.load(plan.openvino)
        self._options = {
            "imgsz": plan.peer_px,
            "conf": score,
            "iou": _NMS_IOU,
            "rect": False,
            "device": "cpu",
            "verbose": False,
            "save": False,
        }

    def find(self, image: Image) -> Any:
        """Return what is found."""
        from edge.model.detections import Detections  # noqa: PLC0415

        boxes = self._model.predict(image, **self._options)[0].boxes
        return Detections(
            boxes.xyxy.cpu().numpy().astype(np.float32),
            boxes.conf.cpu().numpy().astype(np.float32),
            boxes.cls.cpu().numpy().astype(np.int32),
        )

    def play(self, clip: Path) -> Iterator[None]:
        """Stream it."""
        for _ in self._model.predict(str(clip), stream=True, **self._options):
            yield None


class Supervision(Ultralytics):
    """supervision's pipeline around it: its frames, its detections, its zone."""

    def play(self, clip: Path) -> Iterator[None]:
        """Go frame by frame, as its how-to for zones has it."""
        import supervision as sv  # noqa: PLC0415  # pyright: ignore[reportMissingImports] - in .venv-peers alone

        zone = None
        for image in sv.get_video_frames_generator(str(clip)):
            if zone is None:
                height, width = image.shape[:2]
                zone = sv.PolygonZone(np.array([(0, 0), (width, 0), (width, height), (0, height)]))
            found = sv.Detections.from_ultralytics(self._model.predict(image, **self._options)[0])
            zone.trigger(found)
            yield None


class Roboflow:
    """Roboflow inference, both halves its own: its pipeline plays the clip, its model class runs the exported file."""

    def __init__(self, plan: Plan, score: float, requests: int) -> None:
        del requests
        os.environ["TELEMETRY_OPT_OUT"] = "True"
        # Neither is there but in .venv-inference.
        from inference_models import AutoModel  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

        package = plan.onnx.parent / "roboflow-package"
        _write_roboflow_package(plan, package)
        self._model = AutoModel.from_pretrained(str(package))
        self._options = {"confidence": score, "iou_threshold": _NMS_IOU, "max_detections": 300}

    def find(self, image: Image) -> Any:
        """Return what is found."""
        from edge.model.detections import Detections  # noqa: PLC0415

        found = self._model(image, **self._options)[0]
        return Detections(
            found.xyxy.cpu().numpy().astype(np.float32),
            found.confidence.cpu().numpy().astype(np.float32),
            found.class_id.cpu().numpy().astype(np.int32),
        )

    def play(self, clip: Path) -> Iterator[None]:
        """Let the pipeline play it, each frame of a file in turn, as its how-to for own models has it."""
        from inference import InferencePipeline  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

        told: SimpleQueue[bool] = SimpleQueue()  # True a frame, False at the end

        def find(frames: Sequence[Any]) -> list[Any]:
            return [self.find(each.image) for each in frames]

        def note(found: Any, frame: Any) -> None:
            del found, frame
            told.put(True)

        pipeline = InferencePipeline.init_with_custom_logic(
            video_reference=str(clip), on_video_frame=find, on_prediction=note
        )

        def wait_for_end() -> None:
            pipeline.join()  # its on_pipeline_end is not called where a file ends
            told.put(False)

        pipeline.start(use_main_thread=False)
        threading.Thread(target=wait_for_end, daemon=True).start()
        while told.get():
            yield None


class RoboflowOverOpenvino(Roboflow):
    """Its pipeline around ultralytics' OpenVINO export, since its own model class knows no OpenVINO."""

    def __init__(self, plan: Plan, score: float, requests: int) -> None:
        os.environ["TELEMETRY_OPT_OUT"] = "True"
        self._inner = Ultralytics(plan, score, requests)

    def find(self, image: Image) -> Any:
        """Return what is found."""
        return self._inner.find(image)


def _write_roboflow_package(plan: Plan, folder: Path) -> None:
    """Write what its loader of local models wants around ultralytics' ONNX export."""
    folder.mkdir(exist_ok=True)
    shutil.copyfile(plan.onnx, folder / "weights.onnx")
    (folder / "class_names.txt").write_text("\n".join(plan.classes))
    model = {"model_architecture": "yolov8", "task_type": "object-detection", "backend_type": "onnx"}
    (folder / "model_config.json").write_text(json.dumps(model))
    inference = {
        "network_input": {
            "training_input_size": {"height": plan.peer_px, "width": plan.peer_px},
            "dynamic_spatial_size_supported": False,
            "color_mode": "rgb",
            "resize_mode": "letterbox",
            "padding_value": 114,
            "input_channels": 3,
            "scaling_factor": 255,
        },
        "forward_pass": {"static_batch_size": 1},
        "post_processing": {"type": "nms", "fused": False},
    }
    (folder / "inference_config.json").write_text(json.dumps(inference))


class TutorialLoop:
    """OpenCV and ONNX Runtime, one picture after the other, as most tutorials have it."""

    def __init__(self, plan: Plan, score: float, requests: int) -> None:
        del requests
        import onnxruntime as ort  # noqa: PLC0415

        self._session = ort.InferenceSession(str(plan.onnx), providers=["CPUExecutionProvider"])
        self._name = self._session.get_inputs()[0].name
        self._px, self._score = plan.peer_px, score

    def find(self, image: Image) -> Any:
        """Return what is found."""
        from edge.model.detections import Detections  # noqa: PLC0415

        px, (height, width) = self._px, image.shape[:2]
        scale = min(px / height, px / width)
        rows, columns = round(height * scale), round(width * scale)
        padded = np.full((px, px, 3), 114, np.uint8)
        top, left = (px - rows) // 2, (px - columns) // 2
        padded[top : top + rows, left : left + columns] = cv2.resize(image, (columns, rows))
        blob = cv2.dnn.blobFromImage(padded, 1 / 255, swapRB=True)
        outputs: Any = self._session.run(None, {self._name: blob})
        rows_out = outputs[0][0].T
        scores = rows_out[:, 4:].max(1)
        sure = scores >= self._score
        rows_out, scores = rows_out[sure], scores[sure]
        if not len(scores):
            return Detections.empty()
        ids = rows_out[:, 4:].argmax(1)
        corners = np.concatenate([rows_out[:, :2] - rows_out[:, 2:4] / 2, rows_out[:, 2:4]], axis=1)
        kept = np.array(cv2.dnn.NMSBoxesBatched(corners.tolist(), scores.tolist(), ids.tolist(), self._score, _NMS_IOU))
        kept = kept[:300]
        xywh = corners[kept]
        xyxy = (np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1) - [left, top, left, top]) / scale
        return Detections(xyxy.astype(np.float32), scores[kept].astype(np.float32), ids[kept].astype(np.int32))

    def play(self, clip: Path) -> Iterator[None]:
        """Read, find, read, find."""
        capture = cv2.VideoCapture(str(clip))
        while True:
            came, image = capture.read()
            if not came:
                return
            self.find(cast("Image", image))
            yield None


WAYS: dict[str, Callable[[Plan, float, int], Way]] = {
    "edgekit": Edgekit,
    "ultralytics": Ultralytics,
    "supervision": Supervision,
    "roboflow": Roboflow,
    "roboflow+openvino": RoboflowOverOpenvino,
    "opencv+onnxruntime": TutorialLoop,
}
