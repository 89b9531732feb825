"""The same network run as edgekit runs it, and as people would run it without."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from roboflow_ways import Roboflow, RoboflowOverOpenvino  # pyright: ignore[reportMissingImports] - beside this file
from ultralytics_ways import (  # pyright: ignore[reportMissingImports] - beside this file
    Supervision,
    Ultralytics,
    UltralyticsOnOnnxRuntime,
    UltralyticsOnTorch,
)
from way import NMS_IOU, Image, Plan, Way  # pyright: ignore[reportMissingImports] - beside this file


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
        decoder = Decoder("yolo-grid", len(plan.classes), score, NMS_IOU)
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
        kept = np.array(cv2.dnn.NMSBoxesBatched(corners.tolist(), scores.tolist(), ids.tolist(), self._score, NMS_IOU))
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
    "ultralytics+onnxruntime": UltralyticsOnOnnxRuntime,
    "ultralytics+torch": UltralyticsOnTorch,
    "supervision": Supervision,
    "roboflow": Roboflow,
    "roboflow+openvino": RoboflowOverOpenvino,
    "opencv+onnxruntime": TutorialLoop,
}
