"""A bench's report as one HTML page with plots, without anything from outside it."""

from collections.abc import Sequence
from html import escape

from edge.bench.record import Report, Row
from edge.bench.table import drops_of, machine_of, stages_of, versions_of

_STYLE = """
:root { color-scheme: light dark;
  --ink: #1c1f24; --quiet: #687078; --line: #d9dde2; --paper: #ffffff; --bar: #2f6fde; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7eaee; --quiet: #9aa3ad; --line: #363c44; --paper: #15181c; --bar: #6ea0ff; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.quiet { color: var(--quiet); } .warning { border-left: 4px solid #d98a00; padding-left: .8rem; }
.said { font-size: 1.1rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
th, td:not(:nth-child(7)) { white-space: nowrap; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
svg { width: 100%; height: auto; }
svg .bar { fill: var(--bar); }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1.5rem; }
"""
_WIDTH, _BAR, _GAP, _LABEL = 680, 16, 10, 360


def html(report: Report, said: str) -> str:
    """Return the page, with what follows from the report in one sentence."""
    what, where = report.what, report.where
    models = ", ".join(
        f"{escape(model.name)} {escape(model.version)} <span class=quiet>{model.digest[:12]}</span> {model.size}"
        for model in what.models
    )
    mode = f", power mode {where.power_mode}" if where.power_mode else ""
    machine = (
        f"{where.processor}, {where.cores} cores, {where.memory_mib} MiB, {where.system}{mode}, {versions_of(report)}"
    )
    made = f"{report.measured_at:%d %B %Y, %H:%M} UTC, <code>{escape(report.command)}</code>"
    return "\n".join(
        (
            "<!doctype html><html lang=en><meta charset=utf-8><title>edgekit bench</title>",
            '<meta name=viewport content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style>",
            "<h1>What this box can do</h1>",
            f"<p>{models} on {escape(what.source)}, {what.source_fps:g} frames a second<br>",
            f"<span class=quiet>{escape(machine)}<br>{made}</span></p>",
            f"<p class=said>{escape(said)}</p>",
            *(f"<p class=warning>{escape(warning)}</p>" for warning in report.warnings),
            f"<div class=wide>{_table(report)}</div>",
            f"<div class=wide>{_accuracy(report)}</div>" if report.accuracy else "",
            "<div class=plots>",
            _figure("Frames a second, all streams together, at full speed", _throughput(report.rows)),
            _figure("From capture to subscriber, at the clip's speed: p50, p95, p99 in ms", _latency(report.rows)),
            *(_figure(f"Where a frame's time goes: {row.asked}, ms", _stages(report, row)) for row in report.rows),
            "</div></html>",
        )
    )


def _table(report: Report) -> str:
    titles = (
        "case",
        "ran",
        "frames/s",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "dropped",
        "CPU",
        "MiB",
        "first frame",
        "machine",
    )
    return _rows(
        titles,
        [
            (
                row.asked,
                str(row.way),
                f"{row.throughput.frames_per_second.median:.1f}",
                f"{row.latency.p50_ms.median:.1f}",
                f"{row.latency.p95_ms.median:.1f}",
                f"{row.latency.p99_ms.median:.1f}",
                drops_of(row),
                f"{row.cpu_percent.median:.0f} %",
                f"{row.memory_mib.median:.0f}",
                f"{row.start_to_first_s.median:.1f} s",
                machine_of(row),
            )
            for row in report.rows
        ],
    )


def _accuracy(report: Report) -> str:
    sets = ", ".join(f"{count} of {name}" for name, count in report.accuracy[0].sets.items())
    return _rows(
        ("accuracy", "pictures", "class", "mAP50", "mAP50-95"),
        [
            (
                f"{report.model_of(score).size} {score.way}",
                sets,
                one.name,
                f"{one.map50:.3f}",
                f"{one.map50_95:.3f}",
            )
            for score in report.accuracy
            for one in score.classes
        ],
    )


def _rows(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    shown = [index for index in range(len(titles)) if any(row[index] for row in rows)]
    head = "".join(f"<th>{titles[index]}</th>" for index in shown)
    body = "".join("<tr>" + "".join(f"<td>{escape(row[index])}</td>" for index in shown) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _figure(title: str, bars: Sequence[tuple[str, float, float, float]]) -> str:
    """Return a bar chart; each bar has a label, its value, and the least and most of its rounds."""
    top = max((most for _, _, _, most in bars), default=0.0) or 1.0
    height = len(bars) * (_BAR + _GAP)
    scale = (_WIDTH - _LABEL - 60) / top
    drawn: list[str] = []
    for index, (label, value, least, most) in enumerate(bars):
        y = index * (_BAR + _GAP)
        middle = y + _BAR / 2
        drawn.append(
            f'<text x="{_LABEL - 8}" y="{y + _BAR - 4}" text-anchor="end">{escape(label)}</text>'
            f'<rect x="{_LABEL}" y="{y}" width="{max(1.0, value * scale):.1f}" height="{_BAR}" rx="3" class="bar"/>'
            f'<path d="M{_LABEL + least * scale:.1f} {middle}H{_LABEL + most * scale:.1f}" stroke="var(--ink)"/>'
            f'<text x="{_LABEL + most * scale + 6:.1f}" y="{y + _BAR - 4}">{value:.1f}</text>'
        )
    return (
        f"<section><h2>{escape(title)}</h2>"
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">{"".join(drawn)}</svg></section>'
    )


def _throughput(rows: Sequence[Row]) -> list[tuple[str, float, float, float]]:
    return [
        (row.asked, spread.median, spread.least, spread.most)
        for row in rows
        for spread in (row.throughput.frames_per_second,)
    ]


def _latency(rows: Sequence[Row]) -> list[tuple[str, float, float, float]]:
    return [
        (f"{row.asked}, {name}" if name == "p50" else name, spread.median, spread.least, spread.most)
        for row in rows
        for name, spread in (("p50", row.latency.p50_ms), ("p95", row.latency.p95_ms), ("p99", row.latency.p99_ms))
    ]


def _stages(report: Report, row: Row) -> list[tuple[str, float, float, float]]:
    return [(stage, spent, spent, spent) for stage, spent in stages_of(report, row).items()]
