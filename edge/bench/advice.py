"""What a bench means for whoever buys or sets up a box: how many cameras it bears, and how it is best run."""

from collections.abc import Callable, Sequence

from edge.bench.record import Report, Row, Target

MOST_DROPPED = 0.01
_KEEPS_UP = 0.97  # of the frames that are due: the first and last of a short run are cut
NOISY = 0.15
_LEAST_ROUNDS = 3


def bears(row: Row, target: Target) -> bool:
    """Whether a case's cameras keep their speed, come in time but for one frame in a hundred, and drop nearly none."""
    speed = row.latency.frames_per_second.median / row.streams
    return (
        speed >= _KEEPS_UP * target.fps
        and row.latency.p99_ms.median <= target.p99_ms
        and row.latency.dropped_share <= MOST_DROPPED
    )


def best(rows: Sequence[Row], target: Target) -> Row | None:
    """Return the case to run: of those that hold, most cameras, then the least late; None where none holds."""
    holding = [row for row in rows if bears(row, target)]
    return max(holding, key=lambda row: (row.streams, -row.latency.p99_ms.median), default=None)


def most_streams(rows: Sequence[Row], target: Target) -> int:
    """Return the most cameras that a measured case bears, 0 where none does."""
    return max((row.streams for row in rows if bears(row, target)), default=0)


def seek_most(measure: Callable[[int], Row], target: Target, most: int) -> tuple[Row, ...]:
    """Seek the most cameras that hold: doubled until they do not, then halved in between.

    Args:
        measure: Measures so many cameras.
        target: What they have to hold.
        most: Cameras that are tried.

    Returns:
        All that was measured, by number: the most that holds, and one more that does not, among them.
    """
    rows: dict[int, Row] = {}
    holds, fails, streams = 0, most + 1, 1
    while fails - holds > 1:
        rows[streams] = measure(streams)
        if bears(rows[streams], target):
            holds = streams
        else:
            fails = streams
        streams = min(2 * holds, most) if fails > most else (holds + fails) // 2
    return tuple(rows[number] for number in sorted(rows))


def recommendation(report: Report) -> str:
    """Return in one sentence how this box is best run, and what it bears then."""
    target = report.target
    row = best(report.rows, target)
    asked = f"{target.fps:g} frames a second each and p99 within {target.p99_ms:g} ms"
    if row is None:
        return f"on this box: no case of these holds {asked}; try fewer --streams or a lower --fps"
    cameras = "1 camera" if row.streams == 1 else f"{row.streams} cameras"
    said = (
        f"on this box: {row.way}, {report.model_of(row).size}, {row.mode} mode, {cameras} at {target.fps:g} fps, "
        f"p99 {row.latency.p99_ms.median:.0f} ms"
    )
    if row.streams == max(each.streams for each in report.rows):
        said += "; more were not tried"
    return said


def warnings(report: Report) -> list[str]:
    """Return what a reader has to know before believing the figures."""
    told: list[str] = []
    if report.where.load_before > 0.5 * report.where.cores:
        told.append(
            f"the machine was at work before the bench began (load {report.where.load_before:.1f} on "
            f"{report.where.cores} cores): stop what runs beside it"
        )
    for row in report.rows:
        if row.throughput.frames_per_second.noise > NOISY or row.latency.p99_ms.noise > 2 * NOISY:
            told.append(f"{row.asked}: the rounds differ too much to conclude: more --rounds, or a quieter machine")
        if row.throttled:
            told.append(f"{row.asked}: heat slowed the processor down: these are the figures of a hot box")
    if any(row.latency.event_p99_ms is None for row in report.rows):
        told.append(
            "not every case decided an event: what comes after decode is not told there; more --seconds, or a clip in "
            "which something crosses the middle of the picture"
        )
    if any(row.throughput.frames_per_second.rounds < _LEAST_ROUNDS for row in report.rows):
        told.append(f"fewer than {_LEAST_ROUNDS} rounds show no noise: nothing can be concluded from small differences")
    return told
