"""Run a box: cameras in, tag events out over MQTT."""

import json
import signal
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer


def run(
    *,
    config: Annotated[Path, typer.Option(help="The box.toml.")],
    log_format: Annotated[
        Literal["text", "json"], typer.Option(help="How the log is written to standard error; json: a line each.")
    ] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Run a box until its files end, or until it is told to stop (SIGINT, SIGTERM).

    Example: edgekit run --config box.toml
    """
    # Engines and codecs take a second to load, which `--help` need not wait for.
    from edge.config import load_config  # noqa: PLC0415
    from edge.incidents import log_as_json  # noqa: PLC0415
    from edge.runtime.box import run_box  # noqa: PLC0415
    from edge.runtime.restarts import Operator, Restarts  # noqa: PLC0415
    from edge.runtime.service_manager import ServiceManager  # noqa: PLC0415

    if log_format == "json":
        log_as_json()
    restarts = Restarts()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _stack: restarts.end())
    operator = Operator(config, restarts.restart)
    summary = run_box(load_config(config), restarts.stop, operator=operator)
    # A manager has heard by now that this process stops, and would end what ran in it: it starts the next one itself.
    while restarts.go_on() and not ServiceManager().listens:
        summary = run_box(load_config(config), restarts.stop, operator=operator)
    if as_json:
        print(json.dumps({**asdict(summary), "frames_per_second": round(summary.frames_per_second, 1)}))
        return
    events = ", ".join(f"{count} {kind}" for kind, count in summary.events.items()) or "no events"
    print(
        f"{summary.frames} frames in {summary.seconds:.1f} s ({summary.frames_per_second:.1f} a second), "
        f"{summary.dropped} dropped; {events}; {summary.undelivered} undelivered"
    )
