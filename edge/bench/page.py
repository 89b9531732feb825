"""A bench's report as one HTML page with plots, without anything from outside it."""

from collections.abc import Sequence
from html import escape

from edge.bench.record import Report, Row

_STYLE = """
:root { color-scheme: light dark;
  --ink: #1c1f24; --quiet: #687078; --line: #d9dde2; --paper: #ffffff; --bar: #2f6fde; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7eaee; --quiet: #9aa3ad; --line: #363c44; --paper: #15181c; --bar: #6ea0ff; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.quiet { color: var(--quiet); } .warning { border-left: 4px solid #d98a00; padding-left: .8rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .35rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; }
svg .bar { fill: var(--bar); }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1.5rem; }
"""
_WIDTH, _BAR, _GAP, _LABEL = 460, 16, 10, 200


def html(report: Report) -> str:
    """Return the page."""
    what, where = report.what, report.where
    versions = ", ".join(f"{name} {version}" for name, version in what.versions.items())
    facts = (
        f"{what.bundle} {what.bundle_version} <span class=quiet>{what.bundle_digest[:12]}</span> on "
        f"{escape(what.source)}, {what.source_fps:g} frames a second"
    )
    machine = f"{where.processor}, {where.cores} cores, {where.memory_mib} MiB, {where.system}, {versions}"
    made = f"{report.measured_at:%d %B %Y, %H:%M} UTC, <code>{escape(report.command)}</code>"
    return "\n".join(
        (
            "<!doctype html><html lang=en><meta charset=utf-8><title>edgekit bench</title>",
            '<meta name=viewport content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style>",
            "<h1>What this box can do</h1>",
            f"<p>{facts}<br><span class=quiet>{escape(machine)}<br>{made}</span></p>",
            *(f"<p class=warning>{escape(warning)}</p>" for warning in report.warnings),
            f"<div class=wide>{_table(report.rows)}</div>",
            "<div class=plots>",
            _figure("Frames a second, all streams together, at full speed", _throughput(report.rows)),
            _figure("From capture to subscriber, at the clip's speed: p50, p95, p99 in ms", _latency(report.rows)),
            *(_figure(f"Where a frame's time goes: {row.asked}, ms", _stages(row)) for row in report.rows),
            "</div></html>",
        )
    )


def _table(rows: Sequence[Row]) -> str:
    head = "".join(
        f"<th>{title}</th>"
        for title in ("case", "ran", "frames/s", "p50 ms", "p95 ms", "p99 ms", "dropped", "CPU", "MiB", "first frame")
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td>{cell}</td>"
            for cell in (
                escape(row.asked),
                escape(f"{row.backend} {row.precision}"),
                f"{row.throughput.frames_per_second.median:.1f}",
                f"{row.latency.p50_ms.median:.1f}",
                f"{row.latency.p95_ms.median:.1f}",
                f"{row.latency.p99_ms.median:.1f}",
                f"{100 * row.latency.dropped_share:.1f} %",
                f"{row.cpu_percent.median:.0f} %",
                f"{row.memory_mib.median:.0f}",
                f"{row.start_to_first_s.median:.1f} s",
            )
        )
        + "</tr>"
        for row in rows
    )
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


def _stages(row: Row) -> list[tuple[str, float, float, float]]:
    return [(stage, spent, spent, spent) for stage, spent in row.latency.stages_p50_ms.items()]
