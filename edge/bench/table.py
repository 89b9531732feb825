"""A bench's report as a Markdown table."""

from collections.abc import Sequence

from edge.bench.compare import Change
from edge.bench.record import Report, Row, Spread

COLUMNS = (
    "streams",
    "input",
    "engine",
    "mode",
    "frames a second",
    "p50 / p95 / p99 ms",
    "event p99 ms",
    "dropped",
    "CPU",
    "memory MiB",
    "first frame s",
)


def markdown(report: Report) -> str:
    """Return the report for people: what, where, a row a case, where time goes, and accuracy where it was measured."""
    lines = [*_facts(report), "", *_head(COLUMNS), *(_row(report, row) for row in report.rows), "", *_stages(report)]
    lines += ["", *_extras(report)] if _extras(report) else []
    lines += ["", *_accuracy(report)] if report.accuracy else []
    lines += [f"\n**{warning}**" for warning in report.warnings]
    lines += ["", report.recommendation]
    return "\n".join(lines)


def comparison(changes: Sequence[Change]) -> str:
    """Return what became of each figure of an earlier report; `explained` is what noise and chance account for."""
    lines = _head(("case", "figure", "before", "now", "worse by", "explained", "verdict"))
    lines += [
        f"| {change.asked} | {change.figure} | {change.before:.4g} | {change.after:.4g} | {100 * change.worse:+.0f} % "
        f"| {100 * change.explained:.0f} % | {change.verdict} |"
        for change in changes
    ]
    return "\n".join(lines)


def versions_of(report: Report) -> str:
    """Return what ran, without the builds that engines name behind their versions."""
    return ", ".join(f"{name} {version.partition('-')[0]}" for name, version in report.what.versions.items())


def stages_of(report: Report, row: Row) -> dict[str, float]:
    """Return where a frame's time goes, milliseconds by stage: its decoding first, by itself."""
    return {"video": report.what.video_ms, **row.latency.stages_p50_ms}


def drops_of(row: Row) -> str:
    """Return the share of frames that were not looked at, by cause where there are any."""
    causes = ", ".join(f"{count} {cause}" for cause, count in row.latency.dropped.items())
    return f"{100 * row.latency.dropped_share:.1f} %" + (f" ({causes})" if causes else "")


def of_rounds(spread: Spread) -> str:
    """Return a figure with the least and most of its rounds, where there were several."""
    several = f" ({spread.least:.1f} to {spread.most:.1f})" if spread.rounds > 1 else ""
    return f"{spread.median:.1f}{several}"


def machine_of(row: Row) -> str:
    """Return what the machine told of itself while a case ran; empty where it told nothing."""
    state = row.machine
    told = [
        f"{value:.{decimals}f} {unit}"
        for value, unit, decimals in (
            (state.temperature_c, "°C at most", 0),
            (state.clock_mhz, "MHz at least", 0),
            (state.gpu_percent, "% of the GPU", 0),
            (state.gpu_clock_mhz, "MHz of the GPU at least", 0),
            (state.power_w, "W", 1),
        )
        if value is not None
    ]
    if row.energy_mj_per_frame is not None:
        told.append(f"{row.energy_mj_per_frame.median:.0f} mJ a frame at full speed")
    if row.throttled is not None:
        told.append("throttled" if row.throttled else "not throttled")
    return ", ".join(told)


def _facts(report: Report) -> list[str]:
    what, where = report.what, report.where
    models = ", ".join(f"{model.name} {model.version} ({model.digest[:12]}, {model.size})" for model in what.models)
    mode = f", power mode {where.power_mode}" if where.power_mode else ""
    return [
        f"{models} on {what.source}, {what.source_fps:g} fps; {versions_of(report)}",
        f"{where.processor}, {where.cores} cores, {where.system}, profile {where.profile or 'none'}{mode}",
        f"`{report.command}`, {report.measured_at:%d %B %Y}",
    ]


def _head(columns: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]


def _row(report: Report, row: Row) -> str:
    latency = row.latency
    percentiles = " / ".join(f"{spread.median:.1f}" for spread in (latency.p50_ms, latency.p95_ms, latency.p99_ms))
    event = "-" if latency.event_p99_ms is None else f"{latency.event_p99_ms.median:.1f}"
    return (
        f"| {row.streams} | {report.model_of(row).size} | {row.way} | {row.mode} "
        f"| {of_rounds(row.throughput.frames_per_second)} "
        f"| {percentiles} | {event} | {drops_of(row)} | {row.cpu_percent.median:.0f} % "
        f"| {row.memory_mib.median:.0f} | {row.start_to_first_s.median:.1f} |"
    )


def _stages(report: Report) -> list[str]:
    names = list(dict.fromkeys(stage for row in report.rows for stage in stages_of(report, row)))
    lines = _head(("where a frame's time goes, ms (share)", *names))
    for row in report.rows:
        spent = stages_of(report, row)
        whole = sum(spent.values()) or 1.0
        cells = [f"{spent[name]:.2f} ({100 * spent[name] / whole:.0f} %)" if name in spent else "-" for name in names]
        lines.append(f"| {row.asked} | {' | '.join(cells)} |")
    return lines


def _extras(report: Report) -> list[str]:
    return [f"{row.asked}: {told}" for row in report.rows if (told := machine_of(row))]


def _accuracy(report: Report) -> list[str]:
    names = list(dict.fromkeys(one.name for score in report.accuracy for one in score.classes))
    sets = ", ".join(f"{count} of {name}" for name, count in report.accuracy[0].sets.items())
    lines = _head(("input", f"mAP50 / mAP50-95, val: {sets}", *names))
    for score in report.accuracy:
        by_name = {one.name: f"{one.map50:.3f} / {one.map50_95:.3f}" for one in score.classes}
        cells = [by_name.get(name, "-") for name in names]
        lines.append(f"| {report.model_of(score).size} | {score.way} | {' | '.join(cells)} |")
    return lines
