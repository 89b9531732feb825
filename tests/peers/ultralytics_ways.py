"""ultralytics, by itself and in supervision's pipeline."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from way import NMS_IOU, Image, Plan  # pyright: ignore[reportMissingImports] - beside this file


class Ultralytics:
    """`predict(stream=True)`, as its documents have it."""

    def __init__(self, plan: Plan, score: float, requests: int) -> None:
        del requests
        import openvino as ov  # noqa: PLC0415

        from train import yolo_models as yolo  # noqa: PLC0415

        core: Any = ov.Core
        compile_model = core.compile_model

        def in_hint(self: Any, graph: Any, device_name: str | None = None, config: dict[str, Any] | None = None) -> Any:
            wanted = {**(config or {}), "INFERENCE_PRECISION_HINT": plan.hint}
            return compile_model(self, graph, device_name, wanted)

        core.compile_model = in_hint
        self._model = yolo.load(self._file(plan))
        self._options = {
            "imgsz": plan.peer_px,
            "conf": score,
            "iou": NMS_IOU,
            "rect": False,
            "device": "cpu",
            "verbose": False,
            "save": False,
        }

    def _file(self, plan: Plan) -> Path:
        """Return what it loads, which tells it what to run it with."""
        return plan.openvino

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


class UltralyticsOnOnnxRuntime(Ultralytics):
    """The same with its ONNX export."""

    def _file(self, plan: Plan) -> Path:
        return plan.onnx


class UltralyticsOnTorch(Ultralytics):
    """The same with the checkpoint itself."""

    def _file(self, plan: Plan) -> Path:
        return plan.weights


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
