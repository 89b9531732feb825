"""What follows from a report: which case a box bears, what is worse than before, what not to believe."""

import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from devices.errors import EdgekitError
from edge.bench.advice import bears, best, most_streams, recommendation, seek_most, warnings
from edge.bench.compare import compare
from edge.bench.page import html
from edge.bench.record import (
    Accuracy,
    ClassAccuracy,
    Latency,
    MachineState,
    Model,
    Report,
    Row,
    Spread,
    Target,
    Throughput,
    Way,
    What,
    Where,
)
from edge.bench.sensors import glance, joules, read_sensors, throttled
from edge.bench.table import markdown
from edge.bench.vigil import Vigil

TARGET = Target(fps=10, p99_ms=100)
SILENT = MachineState(temperature_c=None, clock_mhz=None, gpu_percent=None, gpu_clock_mhz=None, power_w=None)


def spread(median: float, noise: float = 0.02) -> Spread:
    return Spread(median=median, least=median * (1 - noise), most=median * (1 + noise), rounds=3)


def row(
    streams: int = 1,
    *,
    fps: float = 10.0,
    p99: float = 50.0,
    dropped: float = 0.0,
    noise: float = 0.02,
    machine: MachineState = SILENT,
) -> Row:
    return Row(
        streams=streams,
        model="0" * 64,
        mode="throughput",
        device="CPU",
        way=Way(backend="openvino", precision="fp32", hint="bf16"),
        version="1",
        asked=f"auto auto, {streams}",
        throughput=Throughput(frames_per_second=spread(fps * 3, noise), cpu_ms_per_frame=spread(10)),
        latency=Latency(
            p50_ms=spread(p99 / 2),
            p95_ms=spread(p99 * 0.9),
            p99_ms=spread(p99, noise),
            event_p99_ms=spread(p99),
            stages_p50_ms={"infer": 10.0},
            frames_per_second=spread(fps * streams),
            dropped={"superseded": 3} if dropped else {},
            dropped_share=dropped,
        ),
        start_to_first_s=spread(2),
        memory_mib=spread(200),
        cpu_percent=spread(50),
        throttled=None,
        energy_mj_per_frame=None,
        machine=machine,
    )


def report(
    *rows: Row,
    processor: str = "P",
    source: str = "a.mp4",
    fps: float = 10,
    load: float = 0.0,
    accuracy: tuple[Accuracy, ...] = (),
) -> Report:
    return Report(
        measured_at=datetime(2026, 11, 25, tzinfo=timezone.utc),
        command="edgekit bench",
        where=Where(
            profile=None, processor=processor, cores=2, memory_mib=1, system="S", power_mode=None, load_before=load
        ),
        what=What(
            models=(Model(name="b", version="1", digest="0" * 64, height=384, width=640),),
            source=source,
            source_fps=fps,
            video_ms=1.5,
            versions={"openvino": "1"},
        ),
        target=TARGET,
        most_streams=most_streams(rows, TARGET),
        recommendation="on this box: fine",
        rows=rows,
        accuracy=accuracy,
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


@pytest.mark.parametrize("holds", [0, 1, 2, 3, 5, 6, 8, 13, 16])
def test_the_most_cameras_that_hold_are_found_and_one_more_was_tried(holds: int) -> None:
    tried: list[int] = []

    def measure(streams: int) -> Row:
        tried.append(streams)
        return row(streams, p99=50 if streams <= holds else 500)

    rows = seek_most(measure, TARGET, most=16)
    assert most_streams(rows, TARGET) == holds
    assert {each.streams for each in rows} == set(tried)
    assert len(tried) == len(set(tried)) <= 9
    assert holds == 16 or holds + 1 in tried


def test_the_recommendation_says_how_to_run_it_and_whether_more_was_tried() -> None:
    said = recommendation(report(row(1), row(4, p99=80), row(8, p99=150)))
    assert said == "on this box: openvino fp32 in bf16, 384x640, throughput mode, 4 cameras at 10 fps, p99 80 ms"
    assert recommendation(report(row(4))).endswith("more were not tried")
    assert "no case of these holds" in recommendation(report(row(p99=500)))


def test_table_and_page_tell_stages_with_their_share_drops_by_cause_accuracy_and_heat() -> None:
    hot = MachineState(temperature_c=81.5, clock_mhz=800, gpu_percent=40, gpu_clock_mhz=612, power_w=9.5)
    way = Way(backend="openvino", precision="int8", hint="f32")
    scored = Accuracy(
        model="0" * 64, way=way, sets={"hall": 12}, classes=(ClassAccuracy(name="<b>", map50=0.9, map50_95=0.7),)
    )
    whole = report(row(dropped=0.02, machine=hot), accuracy=(scored,))
    table, page = markdown(whole), html(whole)
    assert "1.50 (13 %)" in table  # the clip's own decoding beside 10 ms of inference
    assert "2.0 % (3 superseded)" in table
    assert "| 384x640 | openvino int8 | 0.900 / 0.700 |" in table
    for told in ("82 °C at most", "800 MHz at least", "40 % of the GPU", "9.5 W"):
        assert told in table
        assert told in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_a_regression_is_what_noise_does_not_explain() -> None:
    before = report(row(p99=50))
    assert not any(change.is_regression for change in compare(before, report(row(p99=52))))
    worse = [change for change in compare(before, report(row(p99=80))) if change.is_regression]
    assert {change.figure for change in worse} == {"p50 ms", "p99 ms"}
    slower = [change.figure for change in compare(before, report(row(fps=5))) if change.is_regression]
    assert slower == ["frames a second"]
    said = {change.figure: change.verdict for change in compare(before, report(row(p99=52)))}
    assert set(said.values()) == {"as before"}
    assert {change.verdict for change in compare(report(row(p99=80)), before) if change.figure == "p99 ms"} == {
        "better"
    }
    noisy = report(row(p99=70, noise=0.5))
    assert not any(change.is_regression for change in compare(before, noisy) if change.figure == "p99 ms")


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        (report(row(), processor="Q"), "another machine"),
        (report(row(), source="b.mp4"), "another clip"),
        (report(row(), fps=30), "another speed"),
        (report(row(3)), "no case in common"),
    ],
)
def test_what_cannot_be_compared_is_said(other: Report, fault: str) -> None:
    with pytest.raises(EdgekitError, match=fault):
        compare(other, report(row()))


def test_a_busy_machine_and_rounds_that_differ_are_warned_of() -> None:
    once = Spread(median=1, least=1, most=1, rounds=1)
    assert warnings(report(row())) == []
    assert "at work before" in warnings(report(row(), load=1.5))[0]
    silent = row().latency.model_copy(update={"event_p99_ms": None})
    assert "not every case decided" in warnings(report(row().model_copy(update={"latency": silent})))[0]
    assert "differ too much" in warnings(report(row(noise=0.4)))[0]
    hasty = row().model_copy(update={"throughput": Throughput(frames_per_second=once, cpu_ms_per_frame=once)})
    assert "fewer than 3 rounds" in warnings(report(hasty))[0]


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


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


@pytest.mark.parametrize(
    ("rails", "watts"),
    [
        ({"VDD_IN": (5000, 1000), "VDD_CPU_GPU_CV": (5000, 400), "VDD_SOC": (5000, 300)}, 5.0),
        ({"VDD_GPU_SOC": (19000, 300), "VDD_CPU_CV": (19000, 100), "VIN_SYS_5V0": (5000, 1000)}, 12.6),
        ({"VDD_CPU": (5000, 400)}, None),  # a part of it, and nobody says of what
    ],
)
def test_a_jetsons_power_is_its_whole_modules_and_never_a_part(
    tmp_path: Path, rails: dict[str, tuple[int, int]], watts: float | None
) -> None:
    monitor = tmp_path / "sys/class/hwmon/hwmon3"
    for number, (name, (millivolts, milliamperes)) in enumerate(rails.items(), start=1):
        write(monitor / f"in{number}_label", name)
        write(monitor / f"in{number}_input", str(millivolts))
        write(monitor / f"curr{number}_input", str(milliamperes))
    write(tmp_path / "sys/class/devfreq/17000000.gpu/cur_freq", "612000000")
    write(tmp_path / "sys/class/devfreq/17000000.gpu/device/load", "405")
    write(tmp_path / "sys/class/thermal/thermal_zone0/temp", "48500")
    write(tmp_path / "sys/class/thermal/thermal_zone1/temp", "-256000")  # a zone that is switched off
    seen = glance(tmp_path)
    assert seen.power_w == (None if watts is None else pytest.approx(watts))
    assert (seen.gpu_clock_mhz, seen.gpu_percent, seen.temperature_c) == (612, 40.5, 48.5)


def test_a_vigil_makes_energy_of_power_and_keeps_the_worst_of_a_run(tmp_path: Path) -> None:
    monitor, zone = tmp_path / "sys/class/hwmon/hwmon0", tmp_path / "sys/class/thermal/thermal_zone0/temp"
    for name, content in (("in1_label", "VDD_IN"), ("in1_input", "5000"), ("curr1_input", "2000")):
        write(monitor / name, content)
    write(zone, "70000")
    with Vigil(tmp_path, every_s=0.01) as vigil:
        began = time.monotonic()
        write(zone, "60000")
        time.sleep(0.1)
        seconds = time.monotonic() - began
    assert vigil.energy_j is not None
    assert vigil.energy_j >= 10 * seconds  # 10 W
    assert vigil.state.power_w == pytest.approx(10)
    assert vigil.state.temperature_c == 70
    assert vigil.throttled is None
