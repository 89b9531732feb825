"""edgekit beside what people would use instead: the same network, clip, pictures and machine, alternated in one run.

    python tests/peers/side_by_side.py WORK --weights BEST.pt --ours export/detector.onnx --clip CLIP --data SET \\
        [--peer-px 416] [--hint f32] [--rounds 3] [--max-cpu-isa AVX512_CORE_VNNI] [--with supervision=PYTHON]

A graph of uint8 NHWC, as edgekit runs it, cannot be fed by the others: each runs its own export of the same weights.
Prints a Markdown table; `--json` keeps what each round came to. Every way runs in a process of its own.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import openvino as ov
from pydantic import TypeAdapter
from way import Plan  # pyright: ignore[reportMissingImports] - beside this file
from ways import WAYS  # pyright: ignore[reportMissingImports] - beside this file

from train import yolo_models as yolo

Figures = dict[str, list[float]]
HERE = Path(__file__).parent
OWN_VENV = {"supervision", "roboflow", "roboflow+openvino"}


@dataclass(frozen=True, slots=True)
class Bench:
    """The ways to run, and with which Python each."""

    plan: Plan
    pythons: dict[str, Path]
    environment: dict[str, str]

    def ask(self, way: str, task: str) -> dict[str, float]:
        """Run one task of one way."""
        done = subprocess.run(
            [self.pythons[way], HERE / "run_way.py", way, task],
            input=TypeAdapter(Plan).dump_json(self.plan),
            capture_output=True,
            check=False,
            env=self.environment,
        )
        if done.returncode != 0:
            raise SystemExit(f"{way}, {task}: {done.stderr.decode(errors='replace').strip().splitlines()[-1]}")
        return json.loads(done.stdout)

    def limit(self, hint: str, seconds: int) -> dict[str, float]:
        """Return what OpenVINO's own loop makes of our file: frames a second, or the median milliseconds of one."""
        binary = Path(sys.executable).with_name("benchmark_app")
        options = ["-d", "CPU", "-hint", hint, "-infer_precision", self.plan.hint, "-t", str(seconds)]
        done = subprocess.run(
            [binary, "-m", self.plan.ours, *options], capture_output=True, text=True, check=True, env=self.environment
        )
        if hint == "throughput":
            return {"fps": _number(r"Throughput:\s+([\d.]+) FPS", done.stdout)}
        return {"p50_ms": _number(r"Median:\s+([\d.]+) ms", done.stdout)}


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found is not None, text
    return float(found[1])


def exports(weights: Path, folder: Path, px: int) -> tuple[Path, Path]:
    """Return ultralytics' own exports in float32: the folder for OpenVINO, the file for ONNX Runtime."""
    openvino, onnx = folder / f"{weights.stem}_openvino_model", folder / f"{weights.stem}.onnx"
    if not (openvino.exists() and onnx.exists()):
        copy = folder / weights.name
        shutil.copyfile(weights, copy)
        for form in ("openvino", "onnx"):
            yolo.load(copy).export(format=form, imgsz=px, device="cpu")
    return openvino, onnx


def measure(bench: Bench, rounds: int, seconds: int) -> dict[str, Figures]:
    """Return the figures of each way, by name, a value a round; rounds go through all ways in turn."""
    found: dict[str, Figures] = defaultdict(lambda: defaultdict(list))
    for number in range(rounds):
        for way in ("benchmark_app", *bench.pythons):
            print(f"round {number + 1} of {rounds}: {way}", file=sys.stderr, flush=True)
            if way == "benchmark_app":
                told = bench.limit("throughput", seconds) | bench.limit("latency", seconds)
            else:
                told = bench.ask(way, "latency") | bench.ask(way, "speed")
            for name, value in told.items():
                found[way][name].append(value)
    for way in bench.pythons:
        for name, value in bench.ask(way, "accuracy").items():
            if name != "memory_mib":
                found[way][name].append(value)
    return found


def table(found: dict[str, Figures], peer: str = "ultralytics") -> str:
    """Return the figures as Markdown: medians, and for frames a second the least and most of the rounds."""
    classes = sorted({name.split("/")[1] for figures in found.values() for name in figures if "/" in name})
    scores = [f"{name} mAP50 / mAP50-95" for name in classes]
    head = ["", "frames a second", f"times {peer}", "one picture p50 ms", "CPU ms a frame", "memory MiB", *scores]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for way, figures in found.items():
        fps = figures["fps"]
        ratios = [own / other for own, other in zip(fps, found[peer]["fps"], strict=True)]
        cells = [
            way,
            f"{statistics.median(fps):.1f} ({min(fps):.1f} to {max(fps):.1f})",
            f"{statistics.median(ratios):.2f}",
            f"{statistics.median(figures['p50_ms']):.1f}",
        ]
        cells += [
            f"{statistics.median(figures[name]):.0f}" if name in figures else "-" for name in ("cpu_ms", "memory_mib")
        ]
        for name in classes:
            both = [figures.get(f"{key}/{name}") for key in ("map50", "map50_95")]
            cells.append(" / ".join(f"{values[0]:.3f}" if values else "-" for values in both))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="a folder for the peers' exports")
    parser.add_argument("--weights", type=Path, required=True, help="the .pt that the peers run")
    parser.add_argument("--ours", type=Path, required=True, help="our file: detector.onnx, or detector.xml of INT8")
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peer-px", type=int, default=416)
    parser.add_argument("--hint", default="f32", choices=["f32", "bf16"])
    parser.add_argument("--max-cpu-isa", help="ONEDNN_MAX_CPU_ISA for all of them: a smaller processor imitated")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each run of benchmark_app")
    parser.add_argument(
        "--with",
        dest="others",
        metavar="WAY=PYTHON",
        action="append",
        default=[],
        help=f"a way that lives in a venv of its own, with its Python: {', '.join(sorted(OWN_VENV))}; see `make peers`",
    )
    parser.add_argument("--without", metavar="WAY", action="append", default=[], help="a way that is not asked about")
    parser.add_argument("--json", type=Path)
    return parser


def plan_of(arguments: argparse.Namespace) -> Plan:
    """Return what all ways have in common, the peers' exports made where they are missing."""
    arguments.work.mkdir(parents=True, exist_ok=True)
    openvino, onnx = exports(arguments.weights, arguments.work, arguments.peer_px)
    shape = ov.Core().read_model(str(arguments.ours)).inputs[0].shape
    names: dict[int, str] = yolo.load(arguments.weights).names
    return Plan(
        weights=arguments.weights.resolve(),
        ours=arguments.ours.resolve(),
        openvino=openvino.resolve(),
        onnx=onnx.resolve(),
        classes=tuple(names[number] for number in sorted(names)),
        clip=arguments.clip.resolve(),
        data=arguments.data.resolve(),
        height=int(shape[1]),
        width=int(shape[2]),
        peer_px=arguments.peer_px,
        hint=arguments.hint,
        requests=2 * len(os.sched_getaffinity(0)),
    )


def main() -> None:
    """Print the comparison."""
    arguments = _parser().parse_args()
    plan = plan_of(arguments)
    pythons = {way: Path(sys.executable) for way in WAYS if way not in OWN_VENV}
    pythons = {way: python for way, python in pythons.items() if way not in arguments.without}
    pythons |= {way: Path(python) for way, _, python in (each.partition("=") for each in arguments.others)}
    held_to = {"ONEDNN_MAX_CPU_ISA": arguments.max_cpu_isa} if arguments.max_cpu_isa else {}
    found = measure(Bench(plan, pythons, os.environ | held_to), arguments.rounds, arguments.seconds)
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("openvino", "onnxruntime", "ultralytics-opencv-headless")
    )
    print(
        f"{plan.ours.name} {plan.height}x{plan.width} against {arguments.weights.name} at {plan.peer_px} px, "
        f"{plan.hint}, {arguments.max_cpu_isa or 'the whole CPU'}; {versions}\n\n{table(found)}"
    )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
