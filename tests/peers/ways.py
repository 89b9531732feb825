"""The same network run as edgekit runs it, and as people would run it without: each in a process of its own.

    python tests/peers/ways.py WAY TASK < plan.json        # started by side_by_side.py

Prints one line of JSON: what the task came to, processor seconds and most memory of the process.
"""

import argparse
import json
import logging
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

Image = NDArray[np.uint8]
_WARM = 20
_LATENCY_FRAMES = 60
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
    "opencv+onnxruntime": TutorialLoop,
}


def speed(way: Way, plan: Plan) -> dict[str, float]:
    """Play the clip as fast as it goes; frames a second after the first few, and processor time a frame."""
    cpu_s = _cpu_s()
    done = [time.monotonic() for _ in way.play(plan.clip)]
    cpu_s = _cpu_s() - cpu_s
    frames = _frames(plan.clip)
    if isinstance(way, Edgekit):
        return {"fps": way.rate, "cpu_ms": 1000 * cpu_s / frames}
    done = done[_WARM:]
    return {"fps": (len(done) - 1) / (done[-1] - done[0]), "cpu_ms": 1000 * cpu_s / frames}


def latency(way: Way, plan: Plan) -> dict[str, float]:
    """One picture at a time, from BGR to boxes, p50 and p95."""
    spent: list[float] = []
    for image in _pictures(plan.clip, _WARM + _LATENCY_FRAMES):
        began = time.perf_counter()
        way.find(image)
        spent.append((time.perf_counter() - began) * 1000)
    return {"p50_ms": statistics.median(spent[_WARM:]), "p95_ms": float(np.percentile(spent[_WARM:], 95))}


def accuracy(way: Way, plan: Plan) -> dict[str, float]:
    """Average precision of each class that the set labels, by the kit's own scorer."""
    from edge.evaluate.dataset import open_set  # noqa: PLC0415
    from edge.evaluate.measure import run_over, score_by_class  # noqa: PLC0415

    finder: Any = SimpleNamespace(classes=plan.classes, info=SimpleNamespace(requests=1), detect=way.find)
    found = run_over(finder, [open_set(plan.data)], "val")
    scores = score_by_class(found)
    told = {f"map50/{plan.classes[class_id]}": one.map50 for class_id, one in scores.items()}
    return told | {f"map50_95/{plan.classes[class_id]}": one.map50_95 for class_id, one in scores.items()}


def _pictures(clip: Path, most: int) -> Sequence[Image]:
    def all_of() -> Iterator[Image]:
        capture = cv2.VideoCapture(str(clip))
        while (read := capture.read())[0]:
            yield cast("Image", read[1])

    return list(islice(all_of(), most))


def _frames(clip: Path) -> int:
    return int(cv2.VideoCapture(str(clip)).get(cv2.CAP_PROP_FRAME_COUNT))


def _most_memory_mib() -> float:
    """Return the most that this program held; getrusage would count what its parent was before it became this one."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run one task of one way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("task", choices=["speed", "latency", "accuracy"])
    arguments = parser.parse_args()
    logging.disable(logging.INFO)
    # What libraries say on standard output must not mix with the answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    plan = TypeAdapter(Plan).validate_json(sys.stdin.buffer.read())
    score = 0.001 if arguments.task == "accuracy" else 0.35
    way = WAYS[arguments.way](plan, score, plan.requests if arguments.task == "speed" else 1)
    told = {"speed": speed, "latency": latency, "accuracy": accuracy}[arguments.task](way, plan)
    memory_mib = _most_memory_mib()
    answer.write(json.dumps({**told, "memory_mib": memory_mib}) + "\n")
    answer.flush()


if __name__ == "__main__":
    main()
