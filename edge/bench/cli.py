"""Measure this box: how many cameras it bears, how fast and how late, from picture to MQTT."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from devices.errors import EdgekitError

if TYPE_CHECKING:
    from edge.bench.record import Report
    from edge.bench.site import Site

Bundles = Annotated[
    list[Path] | None,
    typer.Option("--bundle", help="A bundle; several, say one an input size, are compared. The bundled by default."),
]
TrustedKeys = Annotated[list[Path] | None, typer.Option("--trusted-key", help="Public key of its signer.")]
Source = Annotated[Path | None, typer.Option(help="The clip that every camera shows.")]
Streams = Annotated[
    str, typer.Option(help="Numbers of cameras, as 1,2,4, or most: as many as hold --fps and --p99-ms.")
]
Seconds = Annotated[float, typer.Option(min=2, help="Of each run at most.")]
Rounds = Annotated[int, typer.Option(min=1, help="How often each case is run; the middle one counts.")]
Engine = Annotated[Literal["auto", "openvino", "onnxruntime"], typer.Option(help="The engine.")]
Precision = Annotated[Literal["auto", "fp32", "bf16", "fp16", "int8"], typer.Option(help="As in [inference].")]
Where = Annotated[
    Literal["cpu", "gpu", "npu", "auto", "cuda", "tensorrt", "openvino"], typer.Option(help="As in [inference].")
]
Mode = Annotated[
    Literal["auto", "latency", "throughput"], typer.Option(help="auto: latency for one camera, as a box does.")
]
Matrix = Annotated[bool, typer.Option("--matrix", help="Every engine, precision and mode that works here.")]
Fps = Annotated[
    float | None, typer.Option(min=0.5, max=240, help="Frames a second of each camera; the clip's by default.")
]
P99 = Annotated[float, typer.Option(help="By when 99 of 100 frames have to be at a subscriber.")]
Broker = Annotated[str | None, typer.Option(help="host:port; a broker of its own by default.")]
Data = Annotated[
    list[Path] | None, typer.Option(help="A set: accuracy of each precision on its part val (extra [eval]).")
]
Write = Annotated[
    Path | None, typer.Option(help="A box.toml: its bundle is measured, the best way to run it written there.")
]
AsJson = Annotated[Path | None, typer.Option("--json", help="Write the report here.")]
AsHtml = Annotated[Path | None, typer.Option("--html", help="Write a page with plots here.")]
Earlier = Annotated[Path | None, typer.Option("--compare", help="Fail where it is worse than this report.")]
Schema = Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of reports, and end.")]


def bench(
    *,
    bundles: Bundles = None,
    trusted_keys: TrustedKeys = None,
    source: Source = None,
    streams: Streams = "1,2,4",
    seconds: Seconds = 10.0,
    rounds: Rounds = 3,
    backend: Engine = "auto",
    precision: Precision = "auto",
    device: Where = "cpu",
    mode: Mode = "auto",
    matrix: Matrix = False,
    fps: Fps = None,
    p99_ms: P99 = 200.0,
    broker: Broker = None,
    data: Data = None,
    write: Write = None,
    as_json: AsJson = None,
    as_html: AsHtml = None,
    earlier: Earlier = None,
    schema: Schema = False,
) -> None:
    """Measure this box with a bundle and a clip, through the whole runtime to a broker.

    Example: edgekit bench --streams 1,2,4 --json bench.json --html bench.html

    Example: edgekit bench --streams most --fps 10 --p99-ms 150

    Example: edgekit bench --matrix --fps 10 --p99-ms 150 --write box.toml
    """
    if schema:
        _print_schema()
        return
    from edge.bench.asked import Asked, check  # noqa: PLC0415 - help must not wait for engines
    from edge.bench.run import bench as measure  # noqa: PLC0415

    asked = Asked(
        bundles=bundles or (),
        trusted_keys=trusted_keys or (),
        source=source,
        streams=streams,
        seconds=seconds,
        rounds=rounds,
        backend=backend,
        precision=precision,
        device=device,
        mode=None if mode == "auto" else mode,
        matrix=matrix,
        fps=fps,
        p99_ms=p99_ms,
        broker=broker,
        data=data or (),
        write=write,
        files=[path for path in (as_json, as_html) if path is not None],
        earlier=earlier,
        command=shlex.join(["edgekit", *sys.argv[1:]]),
    )
    checked = check(asked, _say)
    report = measure(checked.order, _say)
    _tell(report, as_json, as_html)
    if checked.site is not None:
        _write_into(checked.site, report)
    if checked.before is not None:
        _compare(checked.before, report)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _print_schema() -> None:
    from edge.bench.record import report_schema  # noqa: PLC0415 - help must not wait for it

    print(json.dumps(report_schema(), indent=2))


def _tell(report: "Report", as_json: Path | None, as_html: Path | None) -> None:
    """Write the report into files, and print it."""
    from edge.bench.page import html  # noqa: PLC0415 - as above
    from edge.bench.table import markdown  # noqa: PLC0415

    for path, content in ((as_json, report.to_json), (as_html, lambda: html(report))):
        if path is None:
            continue
        try:
            path.write_text(content(), encoding="utf-8")
        except OSError as exc:
            raise EdgekitError(f"cannot write {path}: {exc.strerror}") from exc
    print(markdown(report))


def _write_into(site: "Site", report: "Report") -> None:
    from edge.bench.advice import best  # noqa: PLC0415

    row = best(report.rows, report.target)
    if row is None:
        raise EdgekitError("nothing was written into the configuration: no case holds what was asked for")
    print(site.write(row.way, row.mode))


def _compare(before: "Report", after: "Report") -> None:
    from edge.bench.compare import check_no_regression, compare  # noqa: PLC0415
    from edge.bench.table import comparison  # noqa: PLC0415

    changes = compare(before, after)
    print(f"\n{comparison(changes)}")
    check_no_regression(changes)
