"""A chain keeps what holds the budget and is faster, goes on where it was broken off, and publishes that or nothing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from compress.budget import Budget
from compress.chain import chain as chain_module
from compress.chain import pareto
from compress.chain.chain import PLOT, REPORT, TABLE, Chain
from compress.chain.publish import Publication
from compress.chain.request import ChainRequest
from compress.chain.steps import Standing, Steps
from compress.chain.target import Target
from compress.chain.variant import StepRecord, Variant, choose, on_the_front
from compress.chain.workshop import Workshop
from compress.gates import Gate, Verdict
from compress.refusal import RefusedError
from compress.source import Source
from devices.errors import EdgekitError
from devices.machine import Machine
from devices.probe import probe
from edge.model.choice import Choice

OPENVINO, ONNX = Choice("openvino", "fp32"), Choice("onnxruntime", "fp32")
Outcome = Literal["kept", "refused", "skipped"]


def variant(step: str, ms: float, accuracy: float, *, way: Choice = OPENVINO, kept: bool = True) -> Variant:
    gate = Gate(name="mAP50-95", change=100 * (accuracy - 0.7), limit=1, kept=kept)
    return Variant(
        step=step,
        file=Path(step) / "export" / "detector.onnx",
        way=way,
        height=64,
        width=96,
        bytes=12_000_000,
        map50_95=accuracy,
        verdict=Verdict(gates=(gate,)),
        latency_ms=ms,
    )


ORIGINAL = variant("original", 20, 0.7)


def test_of_the_nearly_fastest_the_most_accurate_is_chosen_and_what_breaks_the_budget_never():
    bf16 = variant("original", 11, 0.699, way=Choice("openvino", "fp32", "bf16"))
    int8 = variant("int8", 10.2, 0.695, way=Choice("openvino", "int8"))
    broken = variant("pruned", 3, 0.6, kept=False)
    assert choose([ORIGINAL, int8, broken, bf16]) == bf16
    assert choose([ORIGINAL, int8, broken]) == int8
    assert choose([broken]) is None
    assert on_the_front([ORIGINAL, int8, broken, bf16]) == (broken, int8, bf16, ORIGINAL)


def test_the_table_marks_the_front_and_the_choice():
    slow = variant("input", 25, 0.6)
    lines = pareto.table([ORIGINAL, variant("pruned", 10, 0.695), slow], ORIGINAL).splitlines()
    assert [line.split("|")[1:3] for line in lines[2:]] == [
        [" 1 ", " * pruned, openvino fp32 in f32 "],
        [" 2 ", " ** original, openvino fp32 in f32 "],
        [" 3 ", " input, openvino fp32 in f32 "],
    ]
    assert "| 2.50 |" in lines[2]


@dataclass(slots=True)
class Still(Workshop):
    """Says what variants say of themselves."""

    def timed_anew(self, variants: Sequence[Variant]) -> tuple[Variant, ...]:
        return tuple(variants)


@dataclass(frozen=True, slots=True)
class Scripted(Steps):
    """Makes nothing, and comes to what it was told to."""

    script: dict[str, Any] = field(default_factory=dict[str, Any])
    made: list[str] = field(default_factory=list[str])
    seen: list[Standing] = field(default_factory=list[Standing])

    def original(self, standing: Standing, folder: Path) -> StepRecord:
        return self._come("original", standing, folder)

    def resized(self, standing: Standing, folder: Path) -> StepRecord:
        return self._come("input", standing, folder)

    def pruned(self, standing: Standing, folder: Path) -> StepRecord:
        (folder / "run").mkdir(exist_ok=True)
        return self._come("pruned", standing, folder)

    def distilled(self, standing: Standing, folder: Path) -> StepRecord:
        return self._come("distilled", standing, folder)

    def int8(self, standing: Standing, folder: Path) -> StepRecord:
        return self._come("int8", standing, folder)

    def _come(self, step: str, standing: Standing, folder: Path) -> StepRecord:
        self.made.append(step)
        self.seen.append(standing)
        outcome = self.script.get(step, ("skipped", ()))
        if isinstance(outcome, BaseException):
            raise outcome
        assert folder.is_dir()
        return StepRecord(step=step, outcome=outcome[0], why=f"{step} came so", variants=outcome[1])


def request(**changes: Any) -> ChainRequest:
    return ChainRequest.model_validate(
        {
            "model_sha256": "0" * 64,
            "sets": {"a": "1" * 64},
            "budget": Budget(map_points=1),
            "target": "this-box",
            "original_size": (64, 96),
            "size": (64, 96),
            **changes,
        }
    )


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[Variant]:
    """Take the bundle's building, which is tested by itself, and return what was given to it."""
    given: list[Variant] = []

    def take(_chain: Chain, chosen: Variant, _standing: Standing) -> None:
        given.append(chosen)

    monkeypatch.setattr(chain_module.Chain, "_publish", take)
    return given


def chain(tmp_path: Path, script: dict[str, Any], **changes: Any) -> tuple[Chain, Scripted, list[str]]:
    out, wanted = tmp_path / "chain", request(**changes)
    target = Target("this-box", ("openvino",), ("int8", "fp32"), None)
    workshop = Still(out, (), wanted.budget, target, out / "original" / "export")
    source = Source.open(_run(tmp_path))
    steps = Scripted(wanted, source, None, (), workshop, target, lambda _epoch: None, script)
    told: list[str] = []
    publication = Publication("belt", "1", 1, Ed25519PrivateKey.generate())
    return Chain(out, wanted, steps, publication, told.append), steps, told


def _run(tmp_path: Path) -> Path:
    run = tmp_path / "run"
    (run / "weights").mkdir(parents=True, exist_ok=True)
    (run / "weights" / "best.pt").write_bytes(b"")
    config = {
        "settings": {"weights": "yolov8n.pt", "input_px": 96, "input_height_px": 64},
        "sets": [],
        "skipped": [],
        "learnt_from": [],
    }
    (run / "config.json").write_text(json.dumps(config))
    return run


def kept(*variants: Variant) -> tuple[Outcome, tuple[Variant, ...]]:
    return "kept", variants


WHOLE = {
    "original": kept(ORIGINAL),
    "pruned": kept(variant("pruned", 12, 0.698)),
    "int8": kept(variant("int8", 6, 0.695, way=Choice("openvino", "int8"))),
}


def test_a_chain_publishes_the_choice_and_tells_every_step(tmp_path: Path, published: list[Variant]):
    one, steps, told = chain(tmp_path, WHOLE)
    report = one.run()
    assert steps.made == ["original", "input", "pruned", "distilled", "int8"]
    assert published == [report.chosen]
    assert report.chosen.step == "int8"
    assert report.speedup == pytest.approx(20 / 6, abs=1e-3)
    assert "** int8, openvino int8" in (one.out / TABLE).read_text()
    assert (one.out / PLOT).read_bytes().startswith(b"\x89PNG")
    assert chain_module.ChainReport.model_validate_json((one.out / REPORT).read_bytes()) == report
    assert told[2] == "pruned: kept: pruned came so"
    assert steps.seen[-1].run == one.out / "pruned" / "run"
    assert steps.seen[-1].export == one.out / "pruned" / "export"


def test_a_chain_goes_on_where_it_was_broken_off_and_with_nothing_else(tmp_path: Path, published: list[Variant]):
    broken, _, _ = chain(tmp_path, {**WHOLE, "pruned": KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    assert not published
    other, _, _ = chain(tmp_path, WHOLE, macs=0.5)
    with pytest.raises(EdgekitError, match="was begun with another model, sets or options"):
        other.run()
    again, steps, _ = chain(tmp_path, WHOLE)
    again.run()
    assert steps.made == ["pruned", "distilled", "int8"]
    assert steps.seen[0].in_float == ORIGINAL
    assert len(published) == 1


def test_a_model_that_was_pruned_too_far_is_left_to_a_teacher(tmp_path: Path, published: list[Variant]):
    script = {**WHOLE, "pruned": ("refused", (variant("pruned", 12, 0.6, kept=False),))}
    one, steps, _ = chain(tmp_path, script)
    report = one.run()
    assert steps.seen[3].candidate == one.out / "pruned" / "run"
    assert steps.seen[3].run == steps.source.folder
    assert "broken" in (one.out / TABLE).read_text()
    assert published == [report.chosen]


def test_a_step_that_cannot_be_made_is_told_and_the_chain_goes_on(tmp_path: Path, published: list[Variant]):
    one, steps, told = chain(tmp_path, {**WHOLE, "pruned": RefusedError("this head cannot be pruned")})
    one.run()
    assert told[2] == "pruned: refused: this head cannot be pruned"
    assert steps.seen[-1].export == one.out / "original" / "export"
    assert len(published) == 1


def test_a_fault_of_the_machine_is_no_refusal_and_is_tried_again(tmp_path: Path, published: list[Variant]):
    one, _, _ = chain(tmp_path, {**WHOLE, "int8": EdgekitError("the disk is full")})
    with pytest.raises(EdgekitError, match="the disk is full"):
        one.run()
    assert not (one.out / "int8" / "step.json").exists()
    assert not published


def test_nothing_is_published_where_nothing_smaller_keeps_the_budget(tmp_path: Path, published: list[Variant]):
    script = {"original": kept(ORIGINAL), "pruned": ("refused", (variant("pruned", 9, 0.5, kept=False),))}
    one, _, _ = chain(tmp_path, script)
    with pytest.raises(EdgekitError, match="nothing smaller or faster keeps the budget, so nothing is published"):
        one.run()
    assert not published
    assert not (one.out / REPORT).exists()
    assert (one.out / TABLE).exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path):
    one, _, _ = chain(tmp_path, WHOLE)
    one.out.mkdir()
    (one.out / "notes.txt").write_text("mine")
    with pytest.raises(EdgekitError, match="holds something else than a chain"):
        one.run()


def machine(*flags: str, architecture: str = "x86_64") -> Machine:

    return replace(probe(), architecture=architecture, cpu_flags=frozenset(flags), gpus=(), jetson=None, board=None)


def test_a_larger_cpu_stands_in_for_a_smaller_one_held_to_what_that_knows():
    server = machine("avx2", "fma", "avx512_vnni", "avx_vnni", "amx_tile", "amx_bf16")
    assert Target.of("x86-vnni", server).isa == "AVX512_CORE_VNNI"
    assert Target.of("x86-vnni", machine("avx2", "fma", "avx_vnni")).isa == "AVX2_VNNI"
    assert Target.of("x86-avx2", server).isa == "AVX2"
    own = Target.of("this-box", server)
    assert own.isa is None
    assert own.precisions[0] == "bf16"
    assert own.float_ways() == (OPENVINO, ONNX, Choice("openvino", "fp32", "bf16"))


def test_a_box_that_cannot_be_measured_here_is_refused():
    with pytest.raises(EdgekitError, match="x86-amx cannot be measured on this machine"):
        Target.of("x86-amx", machine("avx2", "fma", "avx512_vnni"))
    for name in ("raspberry-pi-5", "jetson-orin-nano-jetpack6", "intel-igpu"):
        with pytest.raises(EdgekitError, match="cannot be measured on this machine"):
            Target.of(name, machine("avx2", "fma"))
    with pytest.raises(EdgekitError, match="there is no profile"):
        Target.of("toaster", machine())
