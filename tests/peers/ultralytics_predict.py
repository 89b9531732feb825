"""The runtime's pipeline against ultralytics' `predict(stream=True)`: the same network, OpenVINO, one clip of H.264.

    python tests/peers/ultralytics_predict.py WORK --weights WEIGHTS --clip CLIP [--px 640] [--hint f32] [--int8]

ultralytics cannot feed a graph of uint8 NHWC, so each side runs its own OpenVINO export of the same weights and size,
in the same float type: ultralytics leaves that to OpenVINO, so it is set for it by OpenVINO's own property. With
`--int8` both are quantised in the same way, on the same pictures of the clip: for speed, it says nothing of accuracy.
"""

import argparse
import logging
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import openvino as ov
from numpy.typing import NDArray
from pipeline import Case, Pipeline, cores, load  # pyright: ignore[reportMissingImports] - beside this file

from compress.openvino_int8 import OpenvinoQuantizer
from edge.model.engine import Hint
from edge.model.geometry import Bgr, Letterbox
from edge.mqtt.conversion import Origin
from edge.mqtt.outbox import Outbox
from edge.video.sources import open_source
from train import yolo_models as yolo
from train.export import export_onnx

_WARM_FRAMES = 20
_CALIBRATION = 40


def exported_by_ultralytics(weights: Path, folder: Path, px: int) -> Path:
    """Return the folder of ultralytics' own OpenVINO export in float32."""
    copy = folder / weights.name
    shutil.copyfile(weights, copy)
    return Path(yolo.load(copy).export(format="openvino", imgsz=px, device="cpu"))


def seen(clip: Path, px: int) -> list[NDArray[np.uint8]]:
    """Return pictures of a clip as the kit's exports take them, (1, px, px, 3) uint8 BGR."""
    tensors: list[NDArray[np.uint8]] = []
    with av.open(str(clip)) as container:
        for frame, _ in zip(container.decode(video=0), range(_CALIBRATION), strict=False):
            picture = frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)
            tensor = np.empty((1, px, px, 3), np.uint8)
            Letterbox.fit(picture.shape[1], picture.shape[0], px, px).draw(Bgr(picture), tensor[0])
            tensors.append(tensor)
    return tensors


def quantise_theirs(model: Path, tensors: list[NDArray[np.uint8]]) -> None:
    """Quantise the OpenVINO export of ultralytics, which takes RGB planes of floats from 0 to 1, where it lies."""
    (xml,) = model.glob("*.xml")
    as_theirs: list[Any] = [tensor[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255 for tensor in tensors]
    OpenvinoQuantizer(xml, as_theirs).write(model / "int8.xml")
    for suffix in (".xml", ".bin"):
        (model / "int8").with_suffix(suffix).replace(xml.with_suffix(suffix))


def predicting(model: Path, clip: Path, px: int, hint: Hint) -> Callable[[], float]:
    """Return a function that runs the clip through `predict` and returns frames a second after the first few."""
    core: Any = ov.Core
    compile_model = core.compile_model

    def in_hint(self: Any, graph: Any, device_name: str | None = None, config: dict[str, Any] | None = None) -> Any:
        return compile_model(self, graph, device_name, {**(config or {}), "INFERENCE_PRECISION_HINT": hint})

    core.compile_model = in_hint
    predictor = yolo.load(model)

    def run() -> float:
        options = {"imgsz": px, "conf": 0.35, "iou": 0.6, "rect": False, "device": "cpu"}
        results = predictor.predict(str(clip), stream=True, verbose=False, save=False, **options)
        done = [time.monotonic() for _ in results]
        done = done[_WARM_FRAMES:]
        return (len(done) - 1) / (done[-1] - done[0])

    return run


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="a folder for both exports and the outbox")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--px", type=int, default=640)
    parser.add_argument("--hint", default="f32", choices=["f32", "bf16"])
    parser.add_argument("--int8", action="store_true", help="quantise both exports first")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory(dir=arguments.work) as name:
        folder = Path(name)
        px, clip, hint = arguments.px, arguments.clip.resolve(), arguments.hint
        peer = exported_by_ultralytics(arguments.weights, folder, px)
        model = folder / "detector.onnx"
        export_onnx(arguments.weights, model, height=px, width=px)
        if arguments.int8:
            tensors = seen(clip, px)
            quantise_theirs(peer, tensors)
            OpenvinoQuantizer(model, tensors).write(model := folder / "detector-int8.xml")
        theirs = predicting(peer, clip, px, hint)
        with Outbox.open(folder / "outbox.db", origin=Origin("bench", "box", "run")) as outbox:
            pipeline = Pipeline(load(Case(model, hint, 1), requests=2 * cores()), outbox)
            rounds = [(theirs(), pipeline.run([open_source], clip).frames_per_second) for _ in range(arguments.rounds)]
    ratios = [ours / peer for peer, ours in rounds]
    kind = f"int8, {hint} besides" if arguments.int8 else hint
    peer, ours = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(
        f"{arguments.weights.name} {px} px {kind}: ultralytics {peer:.1f} frames a second, pipeline {ours:.1f}, "
        f"{statistics.median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
