"""A whole bench: the machine described, its cases measured, the report put together."""

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from devices.library import suggest
from devices.probe import probe
from edge import __version__
from edge.bench import record
from edge.bench.advice import most_streams, recommendation, seek_most, warnings
from edge.bench.clip import at_speed, clip_fps, video_ms
from edge.bench.measure import measure
from edge.bench.plan import MOST_STREAMS, Case, Model, Subject
from edge.bench.record import Accuracy, Report, Row, Target, What, Where
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
        cases: What is measured; of what `seeks`, each with one camera.
        seeks: Whether the most cameras that hold the target are sought.
        target: What cameras have to hold; each shows the clip at its speed.
        rounds: How often each.
        seconds: Of each run at most.
        command: As it was typed, for the report.
        broker: (host, port); None for one of its own.
        device: Where models compute.
        data: Sets that accuracy is measured on.
    """

    found: Sequence[tuple[Model, Bundle]]
    source: Path
    cases: Sequence[Case]
    target: Target
    rounds: int
    seconds: float
    command: str
    seeks: bool = False
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
    fps = order.target.fps
    with ExitStack() as stack:
        source = order.source
        if fps != clip_fps(source):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="edgekit-bench-"))
            source = at_speed(order.source, fps, Path(folder))
        broker = order.broker
        if broker is None:
            own = stack.enter_context(EmbeddedBroker())
            broker = (own.host, own.port)
        rows = _rows(order, Subject(source.resolve(), broker, order.device), progress)
    report = Report(
        measured_at=datetime.now(timezone.utc),
        command=order.command,
        where=where_of(load_before),
        what=_what(order, rows),
        target=order.target,
        most_streams=most_streams(rows, order.target),
        recommendation="",
        rows=rows,
        accuracy=_accuracy(order, rows, progress) if order.data else (),
    )
    return report.model_copy(
        update={"warnings": tuple(warnings(report)), "recommendation": recommendation(report)},
    )


def _rows(order: Order, subject: Subject, progress: Callable[[str], None]) -> tuple[Row, ...]:
    measured = partial(measure, subject, rounds=order.rounds, seconds=order.seconds, progress=progress)
    if not order.seeks:
        return measured(order.cases)
    found: list[Row] = []
    for case in order.cases:

        def with_streams(streams: int, case: Case = case) -> Row:
            (row,) = measured([case.of(streams)])
            return row

        found += seek_most(with_streams, order.target, MOST_STREAMS)
    return tuple(found)


def _what(order: Order, rows: Sequence[Row]) -> What:
    return What(
        models=tuple(_model(bundle) for _, bundle in order.found),
        source=order.source.name,
        source_fps=order.target.fps,
        video_ms=video_ms(order.source),
        versions={"edgekit": __version__} | {row.way.backend: row.version for row in rows},
    )


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
