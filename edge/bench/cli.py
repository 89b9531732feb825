"""Measure this box: how many cameras it bears, how fast and how late, from picture to MQTT."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from devices.errors import EdgekitError

if TYPE_CHECKING:
    from edge.bench.advice import Target
    from edge.bench.plan import Model
    from edge.bench.record import Report
    from edge.bench.site import Site
    from edge.evaluate.dataset import DetectionSet
    from edge.model.bundle import Bundle

_MOST_STREAMS = 64


def bench(
    *,
    bundles: Annotated[
        list[Path] | None,
        typer.Option(
            "--bundle", help="A bundle; several, say one an input size, are compared. The bundled by default."
        ),
    ] = None,
    trusted_keys: Annotated[list[Path] | None, typer.Option("--trusted-key", help="Public key of its signer.")] = None,
    source: Annotated[Path | None, typer.Option(help="The clip that every camera shows.")] = None,
    streams: Annotated[str, typer.Option(help="Numbers of cameras, as 1,2,4.")] = "1,2,4",
    seconds: Annotated[float, typer.Option(min=2, help="Of each run at most.")] = 10.0,
    rounds: Annotated[int, typer.Option(min=1, help="How often each case is run; the middle one counts.")] = 3,
    backend: Annotated[Literal["auto", "openvino", "onnxruntime"], typer.Option(help="The engine.")] = "auto",
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16", "int8"], typer.Option(help="As in [inference].")
    ] = "auto",
    device: Annotated[
        Literal["cpu", "gpu", "npu", "auto", "cuda", "tensorrt", "openvino"], typer.Option(help="As in [inference].")
    ] = "cpu",
    mode: Annotated[
        Literal["auto", "latency", "throughput"], typer.Option(help="auto: latency for one camera, as a box does.")
    ] = "auto",
    matrix: Annotated[bool, typer.Option("--matrix", help="Every engine, precision and mode that works here.")] = False,
    fps: Annotated[
        float | None, typer.Option(min=0.5, max=240, help="Frames a second of each camera; the clip's by default.")
    ] = None,
    p99_ms: Annotated[float, typer.Option(help="By when 99 of 100 frames have to be at a subscriber.")] = 200.0,
    broker: Annotated[str | None, typer.Option(help="host:port; a broker of its own by default.")] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="A set: accuracy of each precision on its part val (extra [eval]).")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="A box.toml: its bundle is measured, the best way to run it written there.")
    ] = None,
    as_json: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
    as_html: Annotated[Path | None, typer.Option("--html", help="Write a page with plots here.")] = None,
    earlier: Annotated[Path | None, typer.Option("--compare", help="Fail where it is worse than this report.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of reports, and end.")] = False,
) -> None:
    """Measure this box with a bundle and a clip, through the whole runtime to a broker.

    Example: edgekit bench --streams 1,2,4 --json bench.json --html bench.html

    Example: edgekit bench --matrix --fps 10 --p99-ms 150 --write box.toml
    """
    from edge.bench.advice import Target, recommendation  # noqa: PLC0415 - help must not wait for engines
    from edge.bench.clip import clip_fps  # noqa: PLC0415
    from edge.bench.compare import check_same_box  # noqa: PLC0415
    from edge.bench.record import read_report, report_schema  # noqa: PLC0415
    from edge.bench.run import Order, where_of  # noqa: PLC0415
    from edge.bench.run import bench as run_bench  # noqa: PLC0415
    from edge.bench.site import Site  # noqa: PLC0415
    from edge.bench.table import markdown  # noqa: PLC0415
    from edge.bench.ways import matrix as all_ways  # noqa: PLC0415
    from edge.bench.ways import plain  # noqa: PLC0415
    from edge.demo.show import CLIP  # noqa: PLC0415
    from edge.evaluate.dataset import open_set  # noqa: PLC0415

    if schema:
        print(json.dumps(report_schema(), indent=2))
        return
    # What is wrong is said before minutes of measuring.
    before = read_report(earlier) if earlier is not None else None
    site = Site(write) if write is not None else None
    if site is not None:
        site.check_device(device)
    counts = _streams(streams)
    address = _broker(broker)
    sets = [open_set(folder) for folder in data or ()]
    clip = source or CLIP
    target = Target(fps or clip_fps(clip), p99_ms)
    if before is not None:
        check_same_box(before, where_of(0.0), clip.name, target.fps)
    found = _found(bundles, tuple(trusted_keys or ()), site)
    if sets:
        _check_fit([bundle for _, bundle in found], sets)
    wanted = None if mode == "auto" else mode
    models = [model for model, _ in found]
    cases = all_ways(found, counts, device, _say) if matrix else plain(models, counts, backend, precision, wanted)
    order = Order(
        found=found,
        source=clip,
        cases=cases,
        rounds=rounds,
        seconds=seconds,
        command=shlex.join(["edgekit", *sys.argv[1:]]),
        fps=fps,
        broker=address,
        device=device,
        data=sets,
    )
    report = run_bench(order, _say)
    said = recommendation(report, target)
    _write(report, said, as_json, as_html)
    print(f"{markdown(report)}\n\n{said}")
    if site is not None:
        _write_into(site, report, target)
    if before is not None:
        _compare(before, report)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _found(bundles: list[Path] | None, keys: tuple[Path, ...], site: "Site | None") -> "list[tuple[Model, Bundle]]":
    """Open the bundles to measure: those named, else the site's own, else the demonstration's.

    Raises:
        EdgekitError: One cannot be opened, or is not the one that the site runs.
    """
    from edge.bench.ways import opened  # noqa: PLC0415
    from edge.demo.show import BUNDLE, TRUSTED_KEY  # noqa: PLC0415

    own = None if site is None else opened(site.config.bundle.path, site.config.bundle.trusted_keys)
    if bundles is None:
        return [own or opened(BUNDLE, (TRUSTED_KEY,))]
    found = [opened(bundle, keys) for bundle in bundles]
    if site is not None and own is not None:
        site.check_measures(tuple(model.digest for model, _ in found), own[0].digest)
    return found


def _check_fit(bundles: "list[Bundle]", sets: "list[DetectionSet]") -> None:
    from edge.evaluate.measure import check_fit  # noqa: PLC0415 - needs the extra [eval]

    for bundle in bundles:
        check_fit(bundle.manifest.classes, sets, "val")


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


def _write(report: "Report", said: str, as_json: Path | None, as_html: Path | None) -> None:
    from edge.bench.page import html  # noqa: PLC0415

    for path, content in ((as_json, report.to_json), (as_html, lambda: html(report, said))):
        if path is None:
            continue
        try:
            path.write_text(content(), encoding="utf-8")
        except OSError as exc:
            raise EdgekitError(f"cannot write {path}: {exc.strerror}") from exc


def _write_into(site: "Site", report: "Report", target: "Target") -> None:
    from edge.bench.advice import best  # noqa: PLC0415

    row = best(report.rows, target)
    if row is None:
        raise EdgekitError("nothing was written into the configuration: no case holds what was asked for")
    print(site.write(row.way, row.mode))


def _compare(before: "Report", after: "Report") -> None:
    from edge.bench.compare import compare  # noqa: PLC0415

    changes = compare(before, after)
    for change in changes:
        print(f"{change.asked}, {change.figure}: {change.before:g} before, {change.after:g} now: {change.verdict}")
    regressions = [change for change in changes if change.is_regression]
    if regressions:
        worst = max(regressions, key=lambda change: change.worse)
        raise EdgekitError(
            f"of {len(changes)} figures {len(regressions)} worsened by more than noise explains, most of all "
            f"{worst.figure} of {worst.asked}: {100 * worst.worse:.0f} % worse"
        )
