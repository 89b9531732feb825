"""The bench through the whole runtime: its report, its page, and what it says to bad input."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest

from edge.bench.advice import best
from edge.bench.clip import clip_fps
from edge.bench.record import read_report
from edge.config import load_config

pytestmark = pytest.mark.timeout(300)  # four runs of a whole box
if TYPE_CHECKING:
    from tests.edge.conftest import Mosquitto, Subscriber

CLIP = Path(__file__).parents[3] / "edge/demo/conveyor.mp4"


def bench(*options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge", "bench", *options],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=folder,
        check=False,
        env=os.environ | {"TMPDIR": str(folder)},
    )


def cut(clip: Path, pictures: int) -> Path:
    """Write the demonstration's first pictures: a run ends with its clip, so a slow machine needs no more seconds."""
    with av.open(str(CLIP)) as source, av.open(str(clip), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in itertools.islice(source.demux(source.streams.video[0]), pictures):
            packet.stream = stream
            out.mux(packet)
    return clip


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options of a bench of six seconds, in which two parcels cross the middle."""
    clip = cut(tmp_path_factory.mktemp("clip") / "belt.mp4", 180)
    return ("--source", str(clip), "--backend", "openvino", "--seconds", "60", "--rounds", "1")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, short: tuple[str, ...]) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("bench")
    done = bench(*short, "--streams", "1,2", "--json", "b.json", "--html", "b.html", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_a_bench_tells_throughput_latency_stages_and_cost_of_each_case(measured: tuple[Path, str]) -> None:
    report = read_report(measured[0] / "b.json")
    assert [row.streams for row in report.rows] == [1, 2]
    for row in report.rows:
        assert row.throughput.frames_per_second.median > 0
        assert 0 < row.latency.p50_ms.median <= row.latency.p95_ms.median <= row.latency.p99_ms.median
        assert row.memory_mib.median > 50
        assert row.start_to_first_s.median > 0
        assert row.way.backend == "openvino"
    assert [row.mode for row in report.rows] == ["latency", "throughput"]
    stages = {"wait", "prepare", "infer", "decode", "track", "read", "outbox", "publish"}
    assert stages <= report.rows[0].latency.stages_p50_ms.keys()
    assert report.rows[0].latency.event_p99_ms is not None
    assert report.what.video_ms > 0
    assert report.what.source_fps == report.target.fps == clip_fps(CLIP) == 30
    assert report.most_streams in (0, 1, 2)
    assert report.recommendation in measured[1]
    assert "openvino" in report.what.versions


def test_the_report_is_by_its_published_schema(measured: tuple[Path, str]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(bench("--schema", folder=measured[0]).stdout)
    jsonschema.validate(json.loads((measured[0] / "b.json").read_text(encoding="utf-8")), schema)


def test_a_table_and_a_recommendation_are_printed(measured: tuple[Path, str]) -> None:
    assert "| 1 | 256x448 | openvino int8 | latency |" in measured[1]
    assert "fewer than 3 rounds" in measured[1]
    assert "on this box:" in measured[1]


def test_the_page_holds_its_plots_and_asks_for_nothing_outside(measured: tuple[Path, str]) -> None:
    page = (measured[0] / "b.html").read_text(encoding="utf-8")
    assert page.count("<section") == 3
    assert page.count("<div class=bar>") == 3 * 2
    assert "http" not in page.replace("http-equiv", "")


def test_nothing_is_left_behind(measured: tuple[Path, str]) -> None:
    assert {path.name for path in measured[0].iterdir()} == {"b.json", "b.html"}


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (("--streams", "0"), "name numbers from 1"),
        (("--streams", "two"), "name numbers from 1"),
        (("--source", "none.mp4"), "there is no clip at none.mp4"),
        (("--bundle", "nowhere"), "no bundle at nowhere"),
        (("--broker", "here"), "name host:port"),
        (("--broker", "127.0.0.1:1"), "no broker answers at 127.0.0.1:1"),
        (("--compare", "none.json"), "none.json cannot be read"),
        (("--data", "nowhere"), "nowhere"),
        (("--write", "none.toml"), "cannot read the configuration none.toml"),
        (("--json", "nowhere/b.json"), "cannot write nowhere/b.json: there is no folder nowhere"),
        (("--matrix", "--streams", "most"), "leave --matrix out, or name numbers"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, options: tuple[str, ...], fault: str) -> None:
    done = bench(*options, folder=tmp_path)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert fault in errors[0]
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def changed(report: Path, to: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Write a report that differs from another."""
    content = json.loads(report.read_text(encoding="utf-8"))
    change(content)
    to.write_text(json.dumps(content))
    return to


def of_another_processor(report: dict[str, Any]) -> None:
    report["where"]["processor"] = "another"


def of_other_cases(report: dict[str, Any]) -> None:
    for row in report["rows"]:
        row["asked"] = "1x1 " + row["asked"]


def far_faster_and_thrice_as_large(report: dict[str, Any]) -> None:
    for row in report["rows"]:
        for name, factor in (("median", 1000), ("least", 1000), ("most", 1000)):
            row["throughput"]["frames_per_second"][name] *= factor
        for name in ("median", "least", "most"):
            row["memory_mib"][name] *= 3


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (of_another_processor, "the earlier report is on another machine (another, not"),
        (of_other_cases, "the reports have no case in common: the earlier one has 1x1 256x448 openvino auto"),
    ],
)
def test_a_report_of_another_box_or_of_other_cases_is_refused_before_anything_is_measured(
    measured: tuple[Path, str],
    short: tuple[str, ...],
    tmp_path: Path,
    change: Callable[[dict[str, Any]], None],
    fault: str,
) -> None:
    other = changed(measured[0] / "b.json", tmp_path / "other.json", change)
    done = bench(*short, "--compare", str(other), folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("error: ") == 1
    assert fault in done.stderr
    assert "round 1" not in done.stderr


def test_a_regression_beyond_the_noise_is_one_line_and_exit_code_1(
    measured: tuple[Path, str], short: tuple[str, ...], tmp_path: Path
) -> None:
    before = changed(measured[0] / "b.json", tmp_path / "before.json", far_faster_and_thrice_as_large)
    done = bench(*short, "--streams", "1", "--json", "now.json", "--compare", str(before), folder=tmp_path)
    assert done.returncode == 1
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "worsened by more than noise explains, most of all frames a second of 256x448 openvino auto" in error
    cells = [[cell.strip() for cell in line.split("|")] for line in done.stdout.splitlines() if " 1 stream |" in line]
    verdicts = {row[2]: row[7] for row in cells if row[-2] in ("worse", "as before", "better")}
    assert verdicts["frames a second"] == "worse"
    assert verdicts["memory MiB"] == "better"
    assert read_report(tmp_path / "now.json").rows  # what was measured is not lost for that


def test_a_clip_of_a_few_pictures_is_said_to_be_too_short(tmp_path: Path) -> None:
    cut(tmp_path / "short.mp4", 5)
    done = bench("--backend", "openvino", "--source", "short.mp4", "--streams", "1", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: short.mp4 gave 5 frames in ")
    assert "Traceback" not in done.stderr


def test_a_broker_that_goes_away_in_the_middle_is_one_line(
    tmp_path: Path, mosquitto: "Mosquitto", subscribe: "Callable[..., Subscriber]", eventually: Callable[..., None]
) -> None:
    broker = f"{mosquitto.host}:{mosquitto.port}"
    command = [sys.executable, "-m", "edge", "bench", "--streams", "1", "--seconds", "8", "--broker", broker]
    log = tmp_path / "log"
    with log.open("w") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink)
        seen = subscribe(mosquitto.port, "edgekit/v1/bench/+/cameras/+/detections")
        eventually(lambda: seen.received, 150)
        mosquitto.kill()
        assert process.wait(140) == 1
    errors = [line for line in log.read_text().splitlines() if line.startswith("error: ")]
    assert errors == [
        f"error: the broker at {broker} went away while 256x448 auto auto, latency, 1 stream was measured"
    ]


@pytest.mark.long
def test_the_matrix_writes_the_way_that_it_recommends_into_box_toml(tmp_path: Path) -> None:
    demo = CLIP.parent
    box = f"""
[box]
site = "a"
name = "b"
[bundle]
path = "{demo / "bundle"}"
trusted_keys = ["{demo / "bundle.pub"}"]
[outbox]
path = "o.db"
[[camera]]
name = "c"
source = {{ kind = "file", path = "{CLIP}" }} # a clip
"""
    (tmp_path / "box.toml").write_text(box)
    options = ("--matrix", "--streams", "1", "--seconds", "5", "--rounds", "1", "--fps", "10", "--p99-ms", "60000")
    done = bench(*options, "--write", "box.toml", "--json", "b.json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    report = read_report(tmp_path / "b.json")
    assert {(row.way.backend, row.mode) for row in report.rows} >= {
        (backend, mode) for backend in ("openvino", "onnxruntime") for mode in ("latency", "throughput")
    }
    row = best(report.rows, report.target)
    assert row is not None
    inference = load_config(tmp_path / "box.toml").inference
    assert (inference.backend, inference.precision, inference.mode) == (row.way.backend, row.way.wanted, row.mode)
    assert "# a clip" in (tmp_path / "box.toml").read_text()
