"""A whole bench: the machine described, its cases measured, the report put together."""

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from devices.library import suggest
from devices.probe import probe
from edge import __version__
from edge.bench import record
from edge.bench.advice import warnings
from edge.bench.clip import at_speed, clip_fps, video_ms
from edge.bench.measure import measure
from edge.bench.plan import Case, Model, Subject
from edge.bench.record import Accuracy, Report, Row, What, Where
from edge.evaluate.dataset import DetectionSet
from edge.model.bundle import Bundle
from edge.model.engine import Device
from edge.mqtt.broker import EmbeddedBroker


@dataclass(frozen=True, slots=True)
class Order:
    """What a bench is asked for.

    Attributes:
        found: The bundles that cases run.
        source: The clip that every camera shows.
        cases: What is measured.
        rounds: How often each.
        seconds: Of each run at most.
        command: As it was typed, for the report.
        fps: Frames a second that each camera shows; None for the clip's own.
        broker: (host, port); None for one of its own.
        device: Where models compute.
        data: Sets that accuracy is measured on.
    """

    found: Sequence[tuple[Model, Bundle]]
    source: Path
    cases: Sequence[Case]
    rounds: int
    seconds: float
    command: str
    fps: float | None = None
    broker: tuple[str, int] | None = None
    device: Device = "cpu"
    data: Sequence[DetectionSet] = ()


def bench(order: Order, progress: Callable[[str], None]) -> Report:
    """Measure what is asked for.

    Args:
        order: What is asked for.
        progress: Told what is run now.

    Raises:
        EdgekitError: The clip, the broker or a set cannot be used, or a run failed.
    """
    load_before = os.getloadavg()[0]
    fps = clip_fps(order.source)
    with ExitStack() as stack:
        source = order.source
        if order.fps is not None and order.fps != fps:
            fps = order.fps
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="edgekit-bench-"))
            source = at_speed(order.source, fps, Path(folder))
        broker = order.broker
        if broker is None:
            own = stack.enter_context(EmbeddedBroker())
            broker = (own.host, own.port)
        subject = Subject(source.resolve(), broker, order.device)
        rows = measure(subject, order.cases, rounds=order.rounds, seconds=order.seconds, progress=progress)
    report = Report(
        measured_at=datetime.now(timezone.utc),
        command=order.command,
        where=where_of(load_before),
        what=What(
            models=tuple(_model(bundle) for _, bundle in order.found),
            source=order.source.name,
            source_fps=fps,
            video_ms=video_ms(order.source),
            versions={"edgekit": __version__} | {row.way.backend: row.version for row in rows},
        ),
        rows=rows,
        accuracy=_accuracy(order, rows, progress) if order.data else (),
    )
    return report.model_copy(update={"warnings": tuple(warnings(report))})


def _model(bundle: Bundle) -> record.Model:
    manifest = bundle.manifest
    return record.Model(
        name=manifest.name,
        version=manifest.version,
        digest=bundle.digest,
        height=manifest.input.height,
        width=manifest.input.width,
    )


def _accuracy(order: Order, rows: Sequence[Row], progress: Callable[[str], None]) -> tuple[Accuracy, ...]:
    from edge.bench.accuracy import score, ways_of  # noqa: PLC0415 - needs the extra [eval]

    scores: list[Accuracy] = []
    for _, bundle in order.found:
        measured = [row.way for row in rows if row.model == bundle.digest]
        scores += score(bundle, ways_of(bundle, measured), order.data, order.device, progress)
    return tuple(scores)


def where_of(load_before: float) -> Where:
    """Describe this machine."""
    machine = probe()
    fitting = suggest(machine)
    return Where(
        profile=fitting.name if fitting else None,
        processor=machine.cpu or machine.board or machine.architecture,
        cores=machine.cores,
        memory_mib=machine.memory_mib,
        system=machine.system,
        power_mode=machine.jetson.power_mode if machine.jetson else None,
        load_before=load_before,
    )
