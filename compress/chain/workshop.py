"""Looks at exported files for a chain: scored against the original, timed on the target in turn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compress.budget import Budget
from compress.chain.target import Target
from compress.chain.variant import Variant
from compress.gates import judge
from compress.latency import Timed, measure
from compress.scorer import Scorer
from edge.evaluate.comparison import mean_ap
from edge.evaluate.dataset import DetectionSet
from edge.evaluate.measure import SetResult
from edge.model.choice import Choice
from edge.model.export_record import DETECTOR, read_export
from edge.model.openvino_engine import computes_in


@dataclass(slots=True)
class Workshop:
    """What is the same for all files of a chain.

    Attributes:
        out: The chain's folder.
        sets: To score on.
        budget: What may be lost.
        target: What is timed for.
        original: Folder of the export that all is held against.
    """

    out: Path
    sets: Sequence[DetectionSet]
    budget: Budget
    target: Target
    original: Path
    _found: list[tuple[SetResult, ...]] = field(default_factory=list[tuple[SetResult, ...]])

    @property
    def reference(self) -> tuple[Path, Choice]:
        """The original's file and the way to run it that all is held against."""
        return self.original / DETECTOR.exported, self.target.float_ways()[0]

    def before(self) -> tuple[SetResult, ...]:
        """Return what the original finds; scored once."""
        if not self._found:
            self._found.append(self.scorer(self.original).results(*self.reference))
        return self._found[0]

    def scorer(self, export: Path) -> Scorer:
        """Return a scorer for the files that come of an export."""
        return Scorer.of(read_export(export), self.sets)

    def float_ways(self) -> tuple[Choice, ...]:
        """Return the ways to run a float file that the target wants and this machine can measure."""
        return tuple(way for way in self.target.float_ways() if computes_in(way.hint))

    def look(self, step: str, export: Path, files: Sequence[tuple[Path, Choice]]) -> tuple[Variant, ...]:
        """Return files of one export as variants, timed in turn.

        Raises:
            EdgekitError: A file cannot be loaded, scored or timed.
        """
        scorer = self.scorer(export)
        height, width = scorer.record.input.height, scorer.record.input.width
        timed = [Timed(file=file, way=way, height=height, width=width) for file, way in files]
        latencies = measure(timed, self.target.isa).medians_ms
        variants: list[Variant] = []
        for (file, way), latency in zip(files, latencies, strict=True):
            found = scorer.results(file, way)
            verdict = judge(self.before(), found, scorer.record.classes, self.budget)
            variants.append(
                Variant(
                    step=step,
                    file=file.relative_to(self.out),
                    way=way,
                    height=height,
                    width=width,
                    bytes=sum(part.stat().st_size for part in {file, file.with_suffix(".bin")} if part.exists()),
                    map50_95=round(mean_ap(found), 4),
                    verdict=verdict,
                    latency_ms=latency,
                )
            )
        return tuple(variants)

    def speedup(self, before: Variant, after: Sequence[Variant]) -> tuple[float, ...]:
        """Return how many times as fast each of some variants is as one before, all of them timed in turn."""
        first, *others = self.timed_anew([before, *after])
        return tuple(first.latency_ms / other.latency_ms for other in others)

    def timed_anew(self, variants: Sequence[Variant]) -> tuple[Variant, ...]:
        """Return variants with latencies that were measured in turn, so that they can be held against one another."""
        timed = [Timed(file=self.out / one.file, way=one.way, height=one.height, width=one.width) for one in variants]
        medians = measure(timed, self.target.isa).medians_ms
        return tuple(
            one.model_copy(update={"latency_ms": median}) for one, median in zip(variants, medians, strict=True)
        )
