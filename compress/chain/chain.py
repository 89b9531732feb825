"""Runs a chain of compression step by step, goes on where it was broken off, and publishes a bundle or refuses."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import Field

from compress.chain import pareto
from compress.chain.publish import Publication, publish
from compress.chain.request import ChainRequest
from compress.chain.steps import Standing, Steps
from compress.chain.variant import StepRecord, Variant, choose
from compress.refusal import RefusedError
from devices.errors import EdgekitError
from devices.validation import read_json
from edge.evaluate.operating_point import best_threshold
from edge.model.manifest import Part
from train.checkpoints import keep

STEP_RECORD, REPORT, TABLE, PLOT, BUNDLE = "step.json", "report.json", "pareto.md", "pareto.png", "bundle"


class ChainReport(Part):
    """`report.json`: all variants, timed in turn, and the one that was published."""

    schema_id: Literal["edgekit.chain-report/1"] = Field(default="edgekit.chain-report/1", alias="schema")
    steps: tuple[StepRecord, ...]
    variants: tuple[Variant, ...]
    chosen: Variant
    speedup: float = Field(description="times as fast as the original in float on the first engine")
    isa: str | None = Field(description="what OpenVINO was held to; null: nothing")


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain in a folder.

    Attributes:
        out: Holds a folder a step, the table, the plot, the report, and the bundle.
        request: What was asked for.
        steps: Make the models.
        publication: How the bundle is called and signed.
        tell: Called with a line after each step.
    """

    out: Path
    request: ChainRequest
    steps: Steps
    publication: Publication
    tell: Callable[[str], None]

    def run(self) -> ChainReport:
        """Make all steps that are not done yet, choose, and publish.

        Raises:
            EdgekitError: The folder holds another chain, the bundle was published before, or nothing smaller keeps the
                budget: nothing is published then.
        """
        if (self.out / BUNDLE).exists():
            raise EdgekitError(f"{self.out / BUNDLE} was published: this chain is done")
        self.request.keep_in(self.out)
        standing = Standing(self.steps.source.folder, self.steps.workshop.original)
        records: list[StepRecord] = []
        for name, make in (
            ("original", self.steps.original),
            ("input", self.steps.resized),
            ("pruned", self.steps.pruned),
            ("distilled", self.steps.distilled),
            ("int8", self.steps.int8),
        ):
            folder = self.out / name
            record = self._done(folder) or self._make(name, partial(make, standing), folder)
            standing = self.steps.standing_after(record, standing, folder)
            records.append(record)
            self.tell(f"{name}: {record.outcome}: {record.why}")
        return self._finish(records, standing)

    def _done(self, folder: Path) -> StepRecord | None:
        path = folder / STEP_RECORD
        return (
            read_json(path, StepRecord, "step of a chain", "remove it to make the step anew") if path.exists() else None
        )

    def _make(self, name: str, make: Callable[[Path], StepRecord], folder: Path) -> StepRecord:
        """Make a step and write down what it came to; a model that cannot be made smaller so ends the step alone."""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            record = make(folder)
        except RefusedError as exc:
            record = StepRecord(step=name, outcome="refused", why=str(exc))
        with keep(folder / STEP_RECORD) as new:
            new.write_text(record.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
        return record

    def _finish(self, records: list[StepRecord], standing: Standing) -> ChainReport:
        variants = self.steps.workshop.timed_anew([one for record in records for one in record.variants])
        original = variants[0]
        chosen = choose(variants)
        budget = self.request.budget
        (self.out / TABLE).write_text(pareto.table(variants, chosen), encoding="utf-8")
        pareto.plot(variants, chosen, original.map50_95 - budget.map_points / 100, self.out / PLOT)
        if chosen is None or (chosen.step, chosen.way) == (original.step, original.way):
            why = "; ".join(f"{record.step}: {record.why}" for record in records[1:])
            raise EdgekitError(
                f"nothing smaller or faster keeps the budget, so nothing is published ({why}): allow more, prune less "
                f"(--macs), train longer (--epochs) or name a teacher; {self.out / TABLE} tells what there was"
            )
        report = ChainReport(
            steps=tuple(records),
            variants=variants,
            chosen=chosen,
            speedup=round(original.latency_ms / chosen.latency_ms, 3),
            isa=self.steps.target.isa,
        )
        self._publish(chosen, standing)
        with keep(self.out / REPORT) as new:
            new.write_text(report.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
        return report

    def _publish(self, chosen: Variant, standing: Standing) -> None:
        """Build the bundle of the chosen file's export; INT8 files go in where they are of the same."""
        in_int8 = chosen.way.precision == "int8"
        export = standing.export if in_int8 else (self.out / chosen.file).parent
        workshop = self.steps.workshop
        publish(
            self.out / BUNDLE,
            self.publication,
            export,
            standing.int8 if export == standing.export else None,
            score=best_threshold(workshop.scorer(export).results(self.out / chosen.file, chosen.way)),
            target=self.steps.target,
            sets=workshop.sets,
        )
