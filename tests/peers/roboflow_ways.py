"""Roboflow inference: its pipeline around its own model class, and around ultralytics' OpenVINO export."""

import json
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from ultralytics_ways import Ultralytics  # pyright: ignore[reportMissingImports] - beside this file
from way import NMS_IOU, Image, Plan  # pyright: ignore[reportMissingImports] - beside this file


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
        self._options = {"confidence": score, "iou_threshold": NMS_IOU, "max_detections": 300}

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
