"""Holds a bench against an earlier one of the same box: what is worse by more than the machine's own noise explains."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from devices.errors import EdgekitError
from edge.bench.record import Report, Row, Spread, Where

LEAST_CHANGE = 0.05  # what differs by less is no finding, however still the machine was


@dataclass(frozen=True, slots=True)
class Change:
    """A figure that both reports have.

    Attributes:
        asked: The case.
        figure: Its name.
        before: In the earlier report.
        after: In this one.
        worse: By how much it is worse, as a share; below 0 where it is better.
        noise: What the rounds of both differ by, as a share.
    """

    asked: str
    figure: str
    before: float
    after: float
    worse: float
    noise: float

    @property
    def explained(self) -> float:
        """What it may differ by and still be no finding, as a share."""
        return max(self.noise, LEAST_CHANGE)

    @property
    def is_regression(self) -> bool:
        """Whether it is worse by more than noise explains."""
        return self.worse > self.explained

    @property
    def verdict(self) -> str:
        """The change in a word; what noise explains is none."""
        if abs(self.worse) <= self.explained:
            return "as before"
        return "worse" if self.is_regression else "better"


_FIGURES: tuple[tuple[str, Callable[[Row], Spread], bool], ...] = (
    ("frames a second", lambda row: row.throughput.frames_per_second, True),
    ("p50 ms", lambda row: row.latency.p50_ms, False),
    ("p99 ms", lambda row: row.latency.p99_ms, False),
    ("memory MiB", lambda row: row.memory_mib, False),
    ("start s", lambda row: row.start_to_first_s, False),
)


def check_same_box(before: Report, where: Where, source: str, source_fps: float) -> None:
    """Check that an earlier report is of this box and this clip.

    Raises:
        EdgekitError: It is of another one.
    """
    for what, old, new in (
        ("on another machine", before.where.processor, where.processor),
        ("on another machine", before.where.cores, where.cores),
        ("of another clip", before.what.source, source),
        ("of another speed of that clip", before.what.source_fps, source_fps),
    ):
        if old != new:
            raise EdgekitError(f"the earlier report is {what} ({old}, not {new}): a box is compared with itself")


def compare(before: Report, after: Report) -> tuple[Change, ...]:
    """Return how the cases that both reports have changed; their bundles may differ, which is what one asks then.

    Raises:
        EdgekitError: The reports are of different machines or clips, or have no case in common.
    """
    check_same_box(before, after.where, after.what.source, after.what.source_fps)
    earlier = {row.asked: row for row in before.rows}
    common = common_cases(before, [row.asked for row in after.rows])
    return tuple(
        _change(row.asked, figure, of(earlier[row.asked]), of(row), more_is_better=more_is_better)
        for row in after.rows
        if row.asked in common
        for figure, of, more_is_better in _FIGURES
    )


def common_cases(before: Report, asked: Iterable[str]) -> frozenset[str]:
    """Return the cases that an earlier report has too.

    Args:
        before: The earlier report.
        asked: Cases, as they are asked for.

    Raises:
        EdgekitError: There are none.
    """
    had = {row.asked for row in before.rows}
    common = had.intersection(asked)
    if not common:
        raise EdgekitError(f"the reports have no case in common: the earlier one has {', '.join(sorted(had))}")
    return frozenset(common)


def check_no_regression(changes: Sequence[Change]) -> None:
    """Check that nothing became worse by more than noise explains.

    Raises:
        EdgekitError: Something did; the worst is named.
    """
    regressions = [change for change in changes if change.is_regression]
    if regressions:
        worst = max(regressions, key=lambda change: change.worse)
        raise EdgekitError(
            f"of {len(changes)} figures {len(regressions)} worsened by more than noise explains, most of all "
            f"{worst.figure} of {worst.asked}: {100 * worst.worse:.0f} % worse"
        )


def _change(asked: str, figure: str, before: Spread, after: Spread, *, more_is_better: bool) -> Change:
    ratio = after.median / before.median if before.median else 1.0
    worse = 1 / ratio - 1 if more_is_better and ratio else ratio - 1
    return Change(asked, figure, before.median, after.median, worse, before.noise + after.noise)
