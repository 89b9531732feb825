"""One file run in one way, with all that decides whether it is published: a row of the Pareto table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from compress.gates import Verdict
from edge.model.choice import Choice
from edge.model.manifest import Part

_ALIKE = 0.9  # a way that is less accurate has to take at most this share of the time


class Variant(Part):
    """An exported file, how it is run, how accurate it is and how long it takes."""

    step: str = Field(description="that made it")
    file: Path = Field(description="relative to the chain's folder")
    way: Choice
    height: PositiveInt
    width: PositiveInt
    bytes: PositiveInt = Field(description="of the model file, its weights with it")
    map50_95: NonNegativeFloat = Field(le=1, description="of boxes, over all classes")
    verdict: Verdict = Field(description="against the original")
    latency_ms: PositiveFloat = Field(description="median of a picture on the target, measured in turn with all others")

    @property
    def name(self) -> str:
        """How it is called in tables."""
        return f"{self.step}, {self.way}"


class StepRecord(Part):
    """`step.json`: what a step came to. A step that has one is done."""

    schema_id: Literal["edgekit.chain-step/1"] = Field(default="edgekit.chain-step/1", alias="schema")
    step: str
    outcome: Literal["kept", "refused", "skipped"]
    why: str
    variants: tuple[Variant, ...] = ()
    parity: dict[str, float] = Field(
        default={},
        description="of a step that exports a checkpoint: how far each engine is from PyTorch, see `parity.py`",
    )


def choose(variants: Sequence[Variant]) -> Variant | None:
    """Return the variant to publish, None where none keeps the budget.

    Of those that keep it and take no more than a tenth longer than the fastest, the most accurate one.
    """
    kept = [variant for variant in variants if variant.verdict.kept]
    if not kept:
        return None
    fastest = min(variant.latency_ms for variant in kept)
    near = [variant for variant in kept if _ALIKE * variant.latency_ms <= fastest]
    return max(near, key=lambda variant: (variant.map50_95, -variant.latency_ms))


def on_the_front(variants: Sequence[Variant]) -> tuple[Variant, ...]:
    """Return the variants that no other one beats in accuracy and in latency at once, the fastest first."""
    front: list[Variant] = []
    for variant in sorted(variants, key=lambda one: (one.latency_ms, -one.map50_95)):
        if not front or variant.map50_95 > front[-1].map50_95:
            front.append(variant)
    return tuple(front)
