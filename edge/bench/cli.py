"""Measure this box: how many cameras it bears, how fast and how late, from picture to MQTT."""

import json
import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from devices.errors import EdgekitError
from edge.bench.asked import Asked, ask_by_options

if TYPE_CHECKING:
    from edge.bench.record import Report
    from edge.bench.site import Site


def bench(
    *,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of reports, and end.")] = False,
    **chosen: Any,
) -> None:
    """Measure this box with a bundle and a clip, through the whole runtime to a broker.

    Example: edgekit bench --streams 1,2,4 --json bench.json --html bench.html

    Example: edgekit bench --streams most --fps 10 --p99-ms 150

    Example: edgekit bench --matrix --fps 10 --p99-ms 150 --write box.toml
    """
    if schema:
        _print_schema()
        return
    from edge.bench.checked import check  # noqa: PLC0415 - help must not wait for engines
    from edge.bench.run import bench as measure  # noqa: PLC0415

    asked = Asked(**chosen)
    checked = check(asked, shlex.join(["edgekit", *sys.argv[1:]]), _say)
    report = measure(checked.order, _say)
    _tell(report, asked)
    if checked.site is not None:
        _write_into(checked.site, report)
    if checked.before is not None:
        _compare(checked.before, report)


ask_by_options(bench)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _print_schema() -> None:
    from edge.bench.record import report_schema  # noqa: PLC0415 - help must not wait for it

    print(json.dumps(report_schema(), indent=2))


def _tell(report: "Report", asked: Asked) -> None:
    """Write the report into files, and print it."""
    from edge.bench.page import html  # noqa: PLC0415 - as above
    from edge.bench.table import markdown  # noqa: PLC0415

    for path, content in ((asked.as_json, report.to_json), (asked.as_html, lambda: html(report))):
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
