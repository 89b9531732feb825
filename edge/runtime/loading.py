"""Loads a box's model the way that its configuration and this machine ask for."""

import logging
import os
import shutil
from pathlib import Path

from edge.config import BoxConfig
from edge.model.bundle import Bundle
from edge.model.choice import Choice, backend_for, candidates
from edge.model.detector import Detector, PrecisionChoice, choose_model, load_detector
from edge.model.engine import Hint, Placement
from edge.model.probing import Trial
from edge.runtime.measured import choose_by_measuring, key_of
from edge.runtime.service_manager import ServiceManager
from edge.video.sources import is_live

_log = logging.getLogger(__name__)

_MOST_COMPILED = 3  # compiled models that are kept: in use, on trial beside it, and the one before
_MOST_REQUESTS = 16
_BUILDING_S = 900.0  # of an accelerator's engine, once for each bundle and version; the gate waits as long
_WAYS: dict[str, tuple[PrecisionChoice, Hint]] = {
    "fp32": ("fp32", "f32"),
    "bf16": ("fp32", "bf16"),
    "fp16": ("fp32", "f16"),
    "int8": ("int8", "f32"),
}


def load_for_box(config: BoxConfig, bundle: Bundle) -> Detector:
    """Load a bundle's model for a box; it has proved itself by its self-test when this returns.

    Raises:
        EdgekitError: No way that the configuration allows works on this machine.
    """
    inference = config.inference
    requests = requests_for(config)
    folder = inference.state or config.outbox.path.parent / "inference"
    choice = _choose(config, bundle, requests, folder)
    cache = None
    if choice.backend == "openvino" or inference.device == "tensorrt":
        key = key_of(bundle.digest, str(choice), inference.device, str(requests))
        cache = _room_for_compiled(folder / "compiled" / key)
    return load_detector(
        bundle,
        backend=choice.backend,
        precision=choice.precision,
        requests=requests,
        score_threshold=inference.score_threshold,
        placement=Placement(inference.device, choice.hint, inference.allow_cpu_fallback, cache),
    )


def tell_loading(config: BoxConfig, manager: ServiceManager) -> None:
    """Tell the service manager that a box's model is loaded now, and ask for the time that an accelerator may need.

    It is asked for beforehand: while ONNX Runtime loads a model, no thread of this interpreter could ask for more.
    """
    device = config.inference.device
    manager.starting(f"loading the model for device {device}", None if device == "cpu" else _BUILDING_S)


def requests_for(config: BoxConfig) -> int:
    """Return how many pictures may be in inference at the same time.

    One camera that goes by the clock has all cores for each picture, so that its answer comes soonest; everything else
    gets two requests a core: one computes while the other's picture is prepared or decoded.
    """
    inference = config.inference
    if inference.requests is not None:
        return inference.requests
    alone = len(config.cameras) == 1 and is_live(config.cameras[0])
    latency = inference.mode == "latency" or (inference.mode == "auto" and alone)
    return 1 if latency else min(_MOST_REQUESTS, 2 * len(os.sched_getaffinity(0)))


def ways_for(config: BoxConfig, bundle: Bundle) -> tuple[Choice, ...]:
    """Return the ways to run a model that a configuration allows: the one that it names, or all that there are.

    Raises:
        EdgekitError: The bundle has no file for it, or what runs it is not installed.
    """
    inference = config.inference
    if inference.precision == "auto":
        return candidates(bundle, inference.backend, inference.device)
    precision, hint = _WAYS[inference.precision]
    engine, model = choose_model(bundle, backend_for(inference.backend, inference.device, hint), precision)
    return (Choice(engine, model.precision, hint),)


def _choose(config: BoxConfig, bundle: Bundle, requests: int, folder: Path) -> Choice:
    """Return the way to run a model: the one way there is, or the best by measure.

    Raises:
        EdgekitError: The bundle has no file for it, or nothing that was measured works.
    """
    inference = config.inference
    ways = ways_for(config, bundle)
    if len(ways) == 1:
        return ways[0]
    trials = [
        Trial(
            bundle=bundle.directory.resolve(),
            trusted_keys=tuple(path.resolve() for path in config.bundle.trusted_keys),
            choice=way,
            device=inference.device,
            requests=requests,
        )
        for way in ways
    ]
    return choose_by_measuring(trials, bundle.digest, folder / "measured.json")


def _room_for_compiled(folder: Path) -> Path | None:
    """Return the folder of a compiled model, None where it cannot be; those that were not used for longest go."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        kept = sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError as exc:
        _log.warning("the compiled model cannot be kept in %s (%s)", folder, exc.strerror)
        return None
    for path in kept[_MOST_COMPILED:]:
        shutil.rmtree(path, ignore_errors=True)
    return folder
