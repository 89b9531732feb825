"""A bench's report as one HTML page with plots, without anything from outside it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from edge.bench.advice import best
from edge.bench.record import Report, Row, Spread
from edge.bench.table import drops_of, machine_of, of_rounds, stages_of, versions_of

_COLOURS = ("#7d8794", "#b9a44c", "#3fa58b", "#2f6fde", "#8b62d4", "#c9609a", "#d9822b", "#a8563c", "#5f9e3a")
_SHADES = ("#2f6fde", "#7ba3ea", "#bed2f5")  # of p50, p95, p99: each holds the one before
_STYLE = """
:root { color-scheme: light dark; --ink: #1c1f24; --quiet: #687078; --line: #d9dde2; --paper: #ffffff;
  --best: #eef4ff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaee; --quiet: #9aa3ad; --line: #363c44; --paper: #15181c;
  --best: #1b2740; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
code { overflow-wrap: anywhere; }
.quiet { color: var(--quiet); } .warning { border-left: 4px solid #d98a00; padding-left: .8rem; margin: .5rem 0; }
.said { font-size: 1.15rem; border-left: 4px solid #2f6fde; padding-left: .8rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .35rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
tr.best { background: var(--best); font-weight: 600; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 0 3rem; }
.plots .all { grid-column: 1 / -1; }
.bar { margin: .35rem 0 .6rem; font-variant-numeric: tabular-nums; }
.bar .head { display: flex; flex-wrap: wrap; gap: 0 1rem; font-size: .85rem; }
.bar .head :last-child { margin-left: auto; text-align: right; }
.bar .track { position: relative; height: .8rem; background: var(--line); border-radius: 3px; overflow: hidden; }
.bar .track i { position: absolute; top: 0; bottom: 0; }
.bar .track u { position: absolute; top: 0; bottom: 0; border-left: 2px solid var(--ink); }
.legend { font-size: .85rem; } .legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px;
  margin: 0 .35em 0 .9em; }
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """A line of a plot.

    Attributes:
        label: What it is of.
        told: Its figures, as text.
        pieces: From where to where which colour, in the plot's unit; later ones lie above earlier ones.
        marks: Where thin lines stand.
    """

    label: str
    told: str
    pieces: Sequence[tuple[float, float, str]]
    marks: Sequence[float] = ()


def html(report: Report) -> str:
    """Return the page."""
    return "\n".join(
        (
            "<!doctype html><html lang=en><meta charset=utf-8><title>edgekit bench</title>",
            '<meta name=viewport content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style>",
            "<h1>What this box can do</h1>",
            _facts(report),
            f"<p class=said>{escape(report.recommendation)}</p>",
            *(f"<p class=warning>{escape(warning)}</p>" for warning in report.warnings),
            _table(report),
            _accuracy(report),
            "<div class=plots>",
            _throughput(report.rows),
            _latency(report),
            _stages(report),
            "</div></html>",
        )
    )


def _facts(report: Report) -> str:
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
    asked = f"{report.target.fps:g} frames a second from each camera, p99 within {report.target.p99_ms:g} ms"
    return (
        f"<p>{models} on {escape(what.source)}; asked for: {asked}<br>"
        f"<span class=quiet>{escape(machine)}<br>{made}</span></p>"
    )


def _table(report: Report) -> str:
    titles = ("case", "ran", "frames/s", "p50 ms", "p95 ms", "p99 ms", "event p99 ms", "dropped", "CPU", "MiB")
    titles = (*titles, "first frame", "machine")
    chosen = best(report.rows, report.target)
    return _rows(
        titles,
        [
            (
                row.asked,
                "" if str(row.way) in row.asked else str(row.way),
                f"{row.throughput.frames_per_second.median:.1f}",
                f"{row.latency.p50_ms.median:.1f}",
                f"{row.latency.p95_ms.median:.1f}",
                f"{row.latency.p99_ms.median:.1f}",
                "" if row.latency.event_p99_ms is None else f"{row.latency.event_p99_ms.median:.1f}",
                drops_of(row),
                f"{row.cpu_percent.median:.0f} %",
                f"{row.memory_mib.median:.0f}",
                f"{row.start_to_first_s.median:.1f} s",
                machine_of(row),
            )
            for row in report.rows
        ],
        [row is chosen for row in report.rows],
    )


def _accuracy(report: Report) -> str:
    if not report.accuracy:
        return ""
    sets = ", ".join(f"{count} of {name}" for name, count in report.accuracy[0].sets.items())
    table = _rows(
        ("way", "class", "mAP50", "mAP50-95"),
        [
            (f"{report.model_of(score).size} {score.way}", one.name, f"{one.map50:.3f}", f"{one.map50_95:.3f}")
            for score in report.accuracy
            for one in score.classes
        ],
    )
    return f"<h2>Accuracy, pictures of val: {escape(sets)}</h2>{table}"


def _rows(titles: Sequence[str], rows: Sequence[Sequence[str]], marked: Sequence[bool] = ()) -> str:
    """Return a table without the columns that are empty, in a frame that scrolls by itself."""
    shown = [index for index in range(len(titles)) if any(row[index] for row in rows)]
    head = "".join(f"<th>{titles[index]}</th>" for index in shown)
    body = "".join(
        f"<tr{' class=best' if number < len(marked) and marked[number] else ''}>"
        + "".join(f"<td>{escape(row[index])}</td>" for index in shown)
        + "</tr>"
        for number, row in enumerate(rows)
    )
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _throughput(rows: Sequence[Row]) -> str:
    bars = [
        Bar(row.asked, of_rounds(spread), [(0.0, spread.median, _SHADES[0])], _ends(spread))
        for row in rows
        for spread in (row.throughput.frames_per_second,)
    ]
    return _figure("Frames a second at full speed, all cameras together", bars)


def _ends(spread: Spread) -> Sequence[float]:
    return (spread.least, spread.most) if spread.rounds > 1 else ()


def _latency(report: Report) -> str:
    bars: list[Bar] = []
    for row in report.rows:
        spans = [spread.median for spread in (row.latency.p50_ms, row.latency.p95_ms, row.latency.p99_ms)]
        pieces = [(0.0, span, shade) for span, shade in zip(spans, _SHADES, strict=True)][::-1]
        bars.append(Bar(row.asked, " / ".join(f"{span:.1f}" for span in spans), pieces, [report.target.p99_ms]))
    legend = _legend(zip(("p50", "p95", "p99"), _SHADES, strict=True))
    title = "From capture to subscriber at the clip's speed, ms; the line is what p99 may be"
    return _figure(title, bars, legend)


def _stages(report: Report) -> str:
    names = list(dict.fromkeys(stage for row in report.rows for stage in stages_of(report, row)))
    colours = {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(names)}
    bars: list[Bar] = []
    for row in report.rows:
        pieces: list[tuple[float, float, str]] = []
        reached = 0.0
        for stage, spent in stages_of(report, row).items():
            pieces.append((reached, reached + spent, colours[stage]))
            reached += spent
        told = " · ".join(f"{stage} {spent:.1f}" for stage, spent in stages_of(report, row).items())
        bars.append(Bar(row.asked, told, pieces))
    title = "Where the middle frame's time goes, ms; what comes after decode, of events"
    return _figure(title, bars, _legend(colours.items()), "all")


def _legend(entries: Iterable[tuple[str, str]]) -> str:
    told = "".join(f'<i style="background:{colour}"></i>{escape(name)}' for name, colour in entries)
    return f"<div class=legend>{told}</div>"


def _figure(title: str, bars: Sequence[Bar], legend: str = "", kind: str = "") -> str:
    """Return a bar chart on one scale; it is text and boxes, so that it stays readable on a telephone."""
    top = max((place for bar in bars for _, place, _ in bar.pieces), default=0.0) or 1.0
    top = max(top, *(place for bar in bars for place in bar.marks if place <= 2 * top), 0.0)
    return (
        f'<section class="{kind}"><h2>{escape(title)}</h2>{legend}'
        + "".join(_drawn(bar, 100 / top) for bar in bars)
        + "</section>"
    )


def _drawn(bar: Bar, percent: float) -> str:
    pieces = "".join(
        f'<i style="left:{begin * percent:.2f}%;width:{(end - begin) * percent:.2f}%;background:{colour}"></i>'
        for begin, end, colour in bar.pieces
    )
    marks = "".join(f'<u style="left:calc({place * percent:.2f}% - 1px)"></u>' for place in bar.marks)
    return (
        f"<div class=bar><div class=head><span>{escape(bar.label)}</span><span>{escape(bar.told)}</span></div>"
        f'<div class=track role=img aria-label="{escape(bar.label)}: {escape(bar.told)}">{pieces}{marks}</div></div>'
    )
