"""A bench that was asked for, checked: whatever is wrong with it is said before minutes of measuring."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from devices.errors import EdgekitError
from edge.bench.asked import Asked
from edge.bench.clip import clip_fps
from edge.bench.compare import check_same_box, common_cases
from edge.bench.plan import MOST_STREAMS, Case, Model
from edge.bench.record import Report, Target, read_report
from edge.bench.run import Order, where_of
from edge.bench.site import Site
from edge.bench.ways import matrix, opened, plain
from edge.demo.show import BUNDLE, CLIP, TRUSTED_KEY
from edge.evaluate.dataset import DetectionSet, open_set
from edge.model.bundle import Bundle
from edge.model.engine import Device

_SEEK = "most"


@dataclass(frozen=True, slots=True)
class Checked:
    """What will be measured, and what becomes of it.

    Attributes:
        order: What is measured.
        site: The box.toml that the best way goes into.
        before: What the report is held against.
    """

    order: Order
    site: Site | None
    before: Report | None


def check(asked: Asked, command: str, progress: Callable[[str], None]) -> Checked:
    """Check a bench that was asked for.

    Args:
        asked: What was asked for.
        command: All of it as it was typed, for the report.
        progress: Told of ways that do not work here.

    Raises:
        EdgekitError: It cannot be done.
    """
    before = None if asked.earlier is None else read_report(asked.earlier)
    site = None if asked.write is None else _site(asked.write, asked.device)
    _check_folders(asked.files)
    counts = _counts(asked)
    broker = _broker(asked.broker)
    sets = [open_set(folder) for folder in asked.data or ()]
    clip = asked.source or CLIP
    target = Target(fps=asked.fps or clip_fps(clip), p99_ms=asked.p99_ms)
    if before is not None:
        check_same_box(before, where_of(0.0), clip.name, target.fps)
    found = _found(asked, site)
    if sets:
        _check_fit([bundle for _, bundle in found], sets)
    cases = _cases(asked, found, counts, progress)
    if before is not None:
        common_cases(before, [case.label for case in cases])
    order = Order(
        found=found,
        source=clip,
        cases=cases,
        seeks=asked.streams == _SEEK,
        target=target,
        rounds=asked.rounds,
        seconds=asked.seconds,
        command=command,
        broker=broker,
        device=asked.device,
        data=sets,
    )
    return Checked(order, site, before)


def _check_folders(files: Sequence[Path]) -> None:
    for path in files:
        if not path.parent.is_dir():
            raise EdgekitError(f"cannot write {path}: there is no folder {path.parent}")


def _site(path: Path, device: Device) -> Site:
    site = Site(path)
    site.check_device(device)
    return site


def _found(asked: Asked, site: Site | None) -> list[tuple[Model, Bundle]]:
    """Open the bundles to measure: those named, else the site's own, else the demonstration's.

    Raises:
        EdgekitError: One cannot be opened, or is not the one that the site runs.
    """
    own = None if site is None else opened(site.config.bundle.path, site.config.bundle.trusted_keys)
    if not asked.bundles:
        return [own or opened(BUNDLE, (TRUSTED_KEY,))]
    found = [opened(bundle, tuple(asked.trusted_keys or ())) for bundle in asked.bundles]
    if site is not None and own is not None:
        site.check_measures(tuple(model.digest for model, _ in found), own[0].digest)
    return found


def _cases(
    asked: Asked, found: Sequence[tuple[Model, Bundle]], counts: Sequence[int], progress: Callable[[str], None]
) -> list[Case]:
    if asked.matrix:
        return matrix(found, counts, asked.device, progress)
    mode = None if asked.mode == "auto" else asked.mode
    return plain([model for model, _ in found], counts, asked.backend, asked.precision, mode)


def _check_fit(bundles: Sequence[Bundle], sets: Sequence[DetectionSet]) -> None:
    from edge.evaluate.measure import check_fit  # noqa: PLC0415 - needs the extra [eval]

    for bundle in bundles:
        check_fit(bundle.manifest.classes, sets, "val")


def _counts(asked: Asked) -> list[int]:
    """Return the numbers of cameras to begin with; the most that holds is sought from one on."""
    if asked.streams == _SEEK:
        if asked.matrix:
            raise EdgekitError("--streams most seeks for one way to run the model: leave --matrix out, or name numbers")
        return [1]
    try:
        counts = sorted({int(part) for part in asked.streams.split(",")})
    except ValueError:
        counts = []
    if not counts or counts[0] < 1 or counts[-1] > MOST_STREAMS:
        raise EdgekitError(
            f"--streams {asked.streams}: name numbers from 1 to {MOST_STREAMS}, as 1,2,4, or {_SEEK} for the most "
            "that hold --fps and --p99-ms"
        )
    return counts


def _broker(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise EdgekitError(f"--broker {text}: name host:port, as 127.0.0.1:1883")
    return host, int(port)
