"""A whole bench: the machine described, its cases measured, the report put together."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import av
import av.error

from devices.errors import EdgekitError
from devices.library import suggest
from devices.probe import probe
from edge import __version__
from edge.bench.advice import warnings
from edge.bench.measure import measure
from edge.bench.plan import Case, Subject
from edge.bench.record import Report, What, Where
from edge.model.bundle import open_bundle
from edge.mqtt.broker import EmbeddedBroker


@dataclass(frozen=True, slots=True)
class Order:
    """What a bench is asked for.

    Attributes:
        bundle: The bundle's folder.
        trusted_keys: Who may have signed it.
        source: The clip that every camera shows.
        cases: What is measured.
        rounds: How often each.
        seconds: Of each run at most.
        broker: (host, port); None for one of its own.
        command: As it was typed, for the report.
    """

    bundle: Path
    trusted_keys: tuple[Path, ...]
    source: Path
    cases: Sequence[Case]
    rounds: int
    seconds: float
    broker: tuple[str, int] | None
    command: str


def bench(order: Order, progress: Callable[[str], None]) -> Report:
    """Measure what is asked for.

    Args:
        order: What is asked for.
        progress: Told what is run now.

    Raises:
        EdgekitError: The bundle, the clip or the broker cannot be used, or a run failed.
    """
    load_before = os.getloadavg()[0]
    bundle = open_bundle(order.bundle, order.trusted_keys)
    source_fps = clip_fps(order.source)
    with ExitStack() as stack:
        broker = order.broker
        if broker is None:
            own = stack.enter_context(EmbeddedBroker())
            broker = (own.host, own.port)
        subject = Subject(
            order.bundle.resolve(), tuple(key.resolve() for key in order.trusted_keys), order.source, broker
        )
        rows = measure(subject, order.cases, rounds=order.rounds, seconds=order.seconds, progress=progress)
    report = Report(
        measured_at=datetime.now(timezone.utc),
        command=order.command,
        where=_where(load_before),
        what=What(
            bundle=bundle.manifest.name,
            bundle_version=bundle.manifest.version,
            bundle_digest=bundle.digest,
            source=order.source.name,
            source_fps=source_fps,
            versions={"edgekit": __version__} | {row.backend: row.version for row in rows},
        ),
        rows=rows,
    )
    return report.model_copy(update={"warnings": tuple(warnings(report))})


def clip_fps(source: Path) -> float:
    """Return a clip's own frames a second.

    Raises:
        EdgekitError: It is missing, or no video with frames.
    """
    if not source.is_file():
        raise EdgekitError(f"there is no clip at {source}: name a video file with --source")
    try:
        with av.open(str(source)) as container:
            rate = container.streams.video[0].average_rate
    except (av.error.FFmpegError, IndexError) as exc:
        raise EdgekitError(f"{source} is no video that can be read: name another with --source") from exc
    if not rate:
        raise EdgekitError(f"{source} does not say how fast it plays: copy it into a container that does, as .mp4")
    return float(rate)


def _where(load_before: float) -> Where:
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
