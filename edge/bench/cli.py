"""Measure this box: how many cameras it bears, how fast and how late, from picture to MQTT."""

import itertools
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from devices.errors import EdgekitError

if TYPE_CHECKING:
    from edge.bench.advice import Target
    from edge.bench.record import Report
    from edge.model.detector import Backend, PrecisionChoice

_MOST_STREAMS = 64


def bench(
    *,
    bundle: Annotated[Path | None, typer.Option(help="The bundle's folder; the demonstration's by default.")] = None,
    trusted_keys: Annotated[list[Path] | None, typer.Option("--trusted-key", help="Public key of its signer.")] = None,
    source: Annotated[Path | None, typer.Option(help="The clip that every camera shows.")] = None,
    streams: Annotated[str, typer.Option(help="Numbers of cameras, as 1,2,4.")] = "1,2,4",
    seconds: Annotated[float, typer.Option(min=2, help="Of each run at most.")] = 10.0,
    rounds: Annotated[int, typer.Option(min=1, help="How often each case is run; the middle one counts.")] = 3,
    backend: Annotated[Literal["auto", "openvino", "onnxruntime"], typer.Option(help="The engine.")] = "auto",
    precision: Annotated[Literal["auto", "int8", "fp32"], typer.Option(help="Of the model.")] = "auto",
    matrix: Annotated[bool, typer.Option("--matrix", help="Every engine and precision that the bundle has.")] = False,
    fps: Annotated[float | None, typer.Option(help="What each camera has to reach; the clip's own by default.")] = None,
    p99_ms: Annotated[float, typer.Option(help="By when 99 of 100 frames have to be at a subscriber.")] = 200.0,
    broker: Annotated[str | None, typer.Option(help="host:port; a broker of its own by default.")] = None,
    as_json: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
    as_html: Annotated[Path | None, typer.Option("--html", help="Write a page with plots here.")] = None,
    earlier: Annotated[Path | None, typer.Option("--compare", help="Fail where it is worse than this report.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of reports, and end.")] = False,
) -> None:
    """Measure this box with a bundle and a clip, through the whole runtime to a broker.

    Example: edgekit bench --streams 1,2,4 --json bench.json --html bench.html
    """
    from edge.bench.advice import Target  # noqa: PLC0415 - help must not wait for engines
    from edge.bench.plan import Case  # noqa: PLC0415
    from edge.bench.record import read_report, report_schema  # noqa: PLC0415
    from edge.bench.run import Order  # noqa: PLC0415
    from edge.bench.run import bench as run_bench  # noqa: PLC0415
    from edge.bench.table import markdown  # noqa: PLC0415
    from edge.demo.show import BUNDLE, CLIP, TRUSTED_KEY  # noqa: PLC0415

    if schema:
        print(json.dumps(report_schema(), indent=2))
        return
    before = read_report(earlier) if earlier is not None else None  # wrong before minutes of measuring
    keys = (TRUSTED_KEY,) if bundle is None else tuple(trusted_keys or ())
    chosen = bundle or BUNDLE
    engines: list[tuple[Backend, PrecisionChoice]] = _held(chosen, keys) if matrix else [(backend, precision)]
    order = Order(
        bundle=chosen,
        trusted_keys=keys,
        source=source or CLIP,
        cases=[Case(count, *engine, paced=False) for engine, count in itertools.product(engines, _streams(streams))],
        rounds=rounds,
        seconds=seconds,
        broker=_broker(broker),
        command=shlex.join(["edgekit", *sys.argv[1:]]),
    )
    report = run_bench(order, lambda told: print(told, file=sys.stderr))
    _write(report, as_json, as_html)
    print(markdown(report))
    print(f"\n{_advice(report, Target(fps or report.what.source_fps, p99_ms))}")
    if before is not None:
        _compare(before, report)


def _held(bundle: Path, keys: tuple[Path, ...]) -> "list[tuple[Backend, PrecisionChoice]]":
    """Return engine and precision of every model file of a bundle."""
    from edge.model.bundle import open_bundle  # noqa: PLC0415
    from edge.model.detector import ENGINE_OF  # noqa: PLC0415

    return [(ENGINE_OF[model.format], model.precision) for model in open_bundle(bundle, keys).manifest.models]


def _streams(text: str) -> list[int]:
    try:
        counts = sorted({int(part) for part in text.split(",")})
    except ValueError:
        counts = []
    if not counts or counts[0] < 1 or counts[-1] > _MOST_STREAMS:
        raise EdgekitError(f"--streams {text}: name numbers from 1 to {_MOST_STREAMS}, as 1,2,4")
    return counts


def _broker(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise EdgekitError(f"--broker {text}: name host:port, as 127.0.0.1:1883")
    return host, int(port)


def _write(report: "Report", as_json: Path | None, as_html: Path | None) -> None:
    from edge.bench.page import html  # noqa: PLC0415

    for path, content in ((as_json, report.to_json), (as_html, lambda: html(report))):
        if path is None:
            continue
        try:
            path.write_text(content(), encoding="utf-8")
        except OSError as exc:
            raise EdgekitError(f"cannot write {path}: {exc.strerror}") from exc


def _advice(report: "Report", target: "Target") -> str:
    from edge.bench.advice import best  # noqa: PLC0415

    row = best(report.rows, target)
    asked = f"{target.fps:g} frames a second each and p99 within {target.p99_ms:g} ms"
    if row is None:
        return f"on this box: no case of these holds {asked}; try fewer --streams or a lower --fps"
    return (
        f"on this box: {row.backend}, {row.precision}, {row.streams} cameras of {asked}; "
        f"p99 {row.latency.p99_ms.median:.0f} ms, {row.throughput.frames_per_second.median:.0f} frames a second at most"
    )


def _compare(before: "Report", after: "Report") -> None:
    from edge.bench.compare import compare  # noqa: PLC0415

    changes = compare(before, after)
    for change in changes:
        verdict = "worse" if change.is_regression else "as before" if abs(change.worse) <= change.noise else "better"
        print(f"{change.asked}, {change.figure}: {change.before:g} before, {change.after:g} now: {verdict}")
    regressions = [change for change in changes if change.is_regression]
    if regressions:
        worst = max(regressions, key=lambda change: change.worse)
        raise EdgekitError(
            f"{len(regressions)} figures are worse than noise explains; the worst is {worst.figure} of {worst.asked}, "
            f"{100 * worst.worse:.0f} % worse"
        )
