"""What a box loads at its start, loaded as its box.toml says: each of it that fails keeps the box from starting.

Nothing is written, measured or opened to others; what was taught on the box is left alone, since a start sets a damaged
file of it aside.
"""

from collections.abc import Iterator
from pathlib import Path

from devices.errors import EdgekitError
from edge.config import BoxConfig
from edge.doctor.finding import Finding, failure, fine
from edge.model.bundle import Bundle
from edge.model.detector import load_detector
from edge.model.engine import Placement
from edge.runtime.loading import ways_for
from edge.runtime.looking import load_looking
from edge.sealing import load_recipient
from edge.tags.interpreter import CameraInterpreter
from edge.tags.routing import Routing

_WHY = "the box does not start"


def check_start(config: BoxConfig, bundle: Bundle) -> Iterator[Finding]:
    """Load the model as configured, then the tables, and all that looks for what the model finds."""
    yield _inference(config, bundle)
    if config.routing.catalogue is not None or config.routing.routes is not None:
        yield _routing(config)
    yield _zones(config, bundle.manifest.classes)
    if config.hard_cases is not None:
        yield _recipient(config.hard_cases.recipient)


def _inference(config: BoxConfig, bundle: Bundle) -> Finding:
    """Say whether one of the ways that are allowed runs the model; the box takes the fastest of those that do."""
    inference = config.inference
    faults: list[str] = []
    try:
        for way in ways_for(config, bundle):
            placement = Placement(inference.device, way.hint, inference.allow_cpu_fallback)
            try:
                detector = load_detector(bundle, backend=way.backend, precision=way.precision, placement=placement)
            except EdgekitError as exc:
                faults.append(f"{way}: {exc}")
            else:
                return fine("inference", f"as configured: {detector.info}")
    except EdgekitError as exc:
        faults.append(str(exc))
    mend = "as it says; without device, backend and precision in [inference] the box takes what works"
    return failure("inference", f"the model does not run as configured: {'; '.join(faults)}", _WHY, mend)


def _routing(config: BoxConfig) -> Finding:
    try:
        Routing(config.routing.catalogue, config.routing.routes)
    except EdgekitError as exc:
        return failure("routing", str(exc), _WHY, "as it says")
    return fine("routing", "catalogue and routes can be used")


def _recipient(key: Path) -> Finding:
    try:
        load_recipient(key)
    except EdgekitError as exc:
        return failure("hard cases", str(exc), _WHY, "bring the workstation's public key, of `edgekit data keygen`")
    return fine("hard cases", f"are sealed to {key}")


def _zones(config: BoxConfig, classes: tuple[str, ...]) -> Finding:
    """Say whether lines and shelves fit what model and classifier tell."""
    kept = config.classifier
    untaught = None if kept is None else kept.model_copy(update={"taught": None})
    try:
        looking = load_looking(config.model_copy(update={"classifier": untaught}), classes)
        for camera in config.cameras:
            CameraInterpreter(camera, config.codes, classes, classifier=looking.classifier, ocr=looking.ocr)
    except (EdgekitError, ModuleNotFoundError) as exc:
        return failure("zones and classifier", str(exc), _WHY, "as it says")
    return fine("zones and classifier", "lines, shelves and what looks at crops fit the model")
