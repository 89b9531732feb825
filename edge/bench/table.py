"""A bench's report as a Markdown table."""

from edge.bench.record import Report, Row, Spread

COLUMNS = (
    "streams",
    "engine",
    "frames a second",
    "p50 / p95 / p99 ms",
    "event p99 ms",
    "dropped",
    "CPU",
    "memory MiB",
    "first frame s",
)


def markdown(report: Report) -> str:
    """Return the report for people: what, where, and a row a case."""
    versions = ", ".join(f"{name} {version}" for name, version in report.what.versions.items())
    what, where = report.what, report.where
    run = f"{what.bundle} {what.bundle_version} ({what.bundle_digest[:12]}) on {what.source}, {what.source_fps:g} fps"
    machine = f"{where.processor}, {where.cores} cores, {where.system}, profile {where.profile or 'none'}"
    mode = f", power mode {where.power_mode}" if where.power_mode else ""
    lines = [
        f"{run}; {versions}",
        f"{machine}{mode}",
        f"`{report.command}`, {report.measured_at:%d %B %Y}",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|" + "---|" * len(COLUMNS),
    ]
    lines += [_row(row) for row in report.rows]
    lines += [f"\n**{warning}**" for warning in report.warnings]
    return "\n".join(lines)


def _row(row: Row) -> str:
    latency = row.latency
    percentiles = " / ".join(f"{spread.median:.1f}" for spread in (latency.p50_ms, latency.p95_ms, latency.p99_ms))
    event = "-" if latency.event_p99_ms is None else f"{latency.event_p99_ms.median:.1f}"
    return (
        f"| {row.streams} | {row.backend} {row.precision} | {_with_spread(row.throughput.frames_per_second)} "
        f"| {percentiles} | {event} | {100 * latency.dropped_share:.1f} % | {row.cpu_percent.median:.0f} % "
        f"| {row.memory_mib.median:.0f} | {row.start_to_first_s.median:.1f} |"
    )


def _with_spread(spread: Spread) -> str:
    return f"{spread.median:.1f} ({spread.least:.1f} to {spread.most:.1f})"
