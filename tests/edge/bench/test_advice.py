"""What follows from a report: which case a box bears, what is worse than before, what not to believe."""

from datetime import datetime, timezone
from pathlib import Path

import pytest

from devices.errors import EdgekitError
from edge.bench.advice import Target, bears, best, warnings
from edge.bench.compare import compare
from edge.bench.record import Latency, Report, Row, Spread, Throughput, What, Where
from edge.bench.sensors import joules, read_sensors, throttled

TARGET = Target(fps=10, p99_ms=100)


def spread(median: float, noise: float = 0.02) -> Spread:
    return Spread(median=median, least=median * (1 - noise), most=median * (1 + noise), rounds=3)


def row(streams: int = 1, *, fps: float = 10.0, p99: float = 50.0, dropped: float = 0.0, noise: float = 0.02) -> Row:
    return Row(
        streams=streams,
        backend="openvino",
        version="1",
        precision="int8",
        asked=f"auto auto, {streams}",
        throughput=Throughput(frames_per_second=spread(fps * 3, noise), cpu_ms_per_frame=spread(10)),
        latency=Latency(
            p50_ms=spread(p99 / 2),
            p95_ms=spread(p99 * 0.9),
            p99_ms=spread(p99, noise),
            event_p99_ms=None,
            stages_p50_ms={"infer": 10.0},
            frames_per_second=spread(fps * streams),
            dropped={},
            dropped_share=dropped,
        ),
        start_to_first_s=spread(2),
        memory_mib=spread(200),
        cpu_percent=spread(50),
        throttled=None,
        energy_mj_per_frame=None,
    )


def report(*rows: Row, processor: str = "P", source: str = "a.mp4", load: float = 0.0) -> Report:
    return Report(
        measured_at=datetime(2026, 11, 25, tzinfo=timezone.utc),
        command="edgekit bench",
        where=Where(
            profile=None, processor=processor, cores=2, memory_mib=1, system="S", power_mode=None, load_before=load
        ),
        what=What(
            bundle="b",
            bundle_version="1",
            bundle_digest="0" * 64,
            source=source,
            source_fps=10,
            versions={"openvino": "1"},
        ),
        rows=rows,
    )


@pytest.mark.parametrize(
    ("case", "holds"),
    [
        (row(), True),
        (row(p99=101), False),
        (row(fps=9.5), False),
        (row(dropped=0.02), False),
        (row(4), True),
    ],
)
def test_a_box_bears_what_keeps_pace_in_time_without_drops(case: Row, *, holds: bool) -> None:
    assert bears(case, TARGET) is holds


def test_most_cameras_win_then_the_least_late() -> None:
    rows = [row(1, p99=10), row(4, p99=90), row(4, p99=80), row(8, p99=150)]
    assert best(rows, TARGET) is rows[2]
    assert best([row(p99=500)], TARGET) is None


def test_a_regression_is_what_noise_does_not_explain() -> None:
    before = report(row(p99=50))
    assert not any(change.is_regression for change in compare(before, report(row(p99=52))))
    worse = [change for change in compare(before, report(row(p99=80))) if change.is_regression]
    assert {change.figure for change in worse} == {"p50 ms", "p99 ms"}
    slower = [change.figure for change in compare(before, report(row(fps=5))) if change.is_regression]
    assert slower == ["frames a second"]
    noisy = report(row(p99=70, noise=0.5))
    assert not any(change.is_regression for change in compare(before, noisy) if change.figure == "p99 ms")


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        (report(row(), processor="Q"), "another machine"),
        (report(row(), source="b.mp4"), "another clip"),
        (report(row(3)), "no case in common"),
    ],
)
def test_what_cannot_be_compared_is_said(other: Report, fault: str) -> None:
    with pytest.raises(EdgekitError, match=fault):
        compare(other, report(row()))


def test_a_busy_machine_and_rounds_that_differ_are_warned_of() -> None:
    assert warnings(report(row())) == []
    assert "at work before" in warnings(report(row(), load=1.5))[0]
    assert "differ too much" in warnings(report(row(noise=0.4)))[0]


def test_throttling_and_energy_are_told_where_the_kernel_counts_them(tmp_path: Path) -> None:
    assert throttled(read_sensors(tmp_path), read_sensors(tmp_path)) is None
    count = tmp_path / "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"
    package = tmp_path / "sys/class/powercap/intel-rapl:0"
    for folder in (count.parent, package):
        folder.mkdir(parents=True)
    count.write_text("3\n")
    (package / "energy_uj").write_text("9000000\n")
    (package / "max_energy_range_uj").write_text("10000000\n")
    before = read_sensors(tmp_path)
    assert throttled(before, read_sensors(tmp_path)) is False
    count.write_text("4\n")
    (package / "energy_uj").write_text("1000000\n")  # the counter began anew
    after = read_sensors(tmp_path)
    assert throttled(before, after) is True
    assert joules(before, after) == pytest.approx(2.0)
