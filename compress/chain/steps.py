"""The steps of a chain: each makes files in a folder of its own, and is kept only if they hold what was asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from compress.aim import DetectorAim
from compress.calibration import draw_calibration
from compress.chain.request import ChainRequest
from compress.chain.target import Target
from compress.chain.variant import StepRecord, Variant
from compress.chain.workshop import Workshop
from compress.detector_subject import DetectorSubject
from compress.distilled_run import DISTILLATION_RECORD, distil_run
from compress.domain import check_domain
from compress.exported_model import ExportedModel
from compress.int8_scheme import Int8Scheme
from compress.parity import check_parity
from compress.pruned_run import prune_run
from compress.pruning_record import PRUNING_RECORD, MacsTarget, read_pruning
from compress.pruning_subject import Recovery, Wanted
from compress.quantize import quantize
from compress.source import Source
from edge.evaluate.dataset import DetectionSet
from edge.model.export_record import DETECTOR, ExportRecord, read_export
from train.epochs import TrainingEpoch
from train.export import export_run
from train.yolo_training import epochs_behind

_COMPARED = 4  # pictures of each set that an export is held against its checkpoint on
_FASTER = 1.03  # what is less so is luck of the measurement


@dataclass(frozen=True, slots=True)
class Standing:
    """What a chain has come to.

    Attributes:
        run: Folder of the training whose checkpoint is the smallest that was kept.
        export: Folder of its export.
        best: That file, run as the original was; None before the first step.
        candidate: Folder of a training that was made smaller but not accurate enough: a teacher may help it.
        int8: Folder of INT8 files of the export, None before there are any.
    """

    run: Path
    export: Path
    best: Variant | None = None
    candidate: Path | None = None
    int8: Path | None = None

    @property
    def in_float(self) -> Variant:
        """The smallest model that was kept, run as the original was."""
        if self.best is None:
            raise ValueError("a chain has no model before its first step")
        return self.best


@dataclass(frozen=True, slots=True)
class Steps:
    """Makes the steps.

    Attributes:
        request: What was asked for.
        source: The run that the chain begins with.
        teacher: To distil from, None for nobody.
        sets: To train, calibrate and score on.
        workshop: Scores and times.
        target: What it is all for.
        on_epoch: Called after each epoch of each training.
    """

    request: ChainRequest
    source: Source
    teacher: Source | None
    sets: Sequence[DetectionSet]
    workshop: Workshop
    target: Target
    on_epoch: Callable[[TrainingEpoch], None]

    def original(self, standing: Standing, folder: Path) -> StepRecord:
        """Export the model that all is held against."""
        self._export(standing.run, folder / "export", self.request.original_size)
        variants = self._look("original", folder / "export")
        return StepRecord(
            step="original",
            outcome="kept",
            why="it is where the chain begins",
            variants=variants,
            parity=self._parity(standing.run, folder / "export"),
        )

    def resized(self, standing: Standing, folder: Path) -> StepRecord:
        """Export the model with the input that is to be published, where that is another one."""
        if self.request.size == self.request.original_size:
            return _skipped("input", "the input is the original's")
        self._export(standing.run, folder / "export", self.request.size)
        return self._judged("input", standing, standing.run, folder / "export")

    def pruned(self, standing: Standing, folder: Path) -> StepRecord:
        """Take channels out, train to recover, export."""
        run, request = folder / "run", self.request
        height, width = self._size(standing)
        if not (run / PRUNING_RECORD).exists() or read_pruning(run).proof is None:
            recovery = Recovery(epochs=request.epochs, seed=request.seed, on_epoch=self.on_epoch)
            subject = DetectorSubject(Source.open(standing.run), self.sets, recovery)
            wanted = Wanted(
                MacsTarget(value=request.macs), height, width, request.top_k, self.target.float_ways()[0].backend
            )
            prune_run(subject, run, subject.request(wanted), resume=(run / PRUNING_RECORD).exists())
        self._export(run, folder / "export", (height, width))
        return self._judged("pruned", standing, run, folder / "export")

    def distilled(self, standing: Standing, folder: Path) -> StepRecord:
        """Train the smallest model on with a teacher's word, also one that was not accurate enough."""
        if self.teacher is None:
            return _skipped("distilled", "no teacher was named")
        run, request = folder / "run", self.request
        student = standing.candidate or standing.run
        weights = student / "weights" / "best.pt"
        last = run / "weights" / "last.pt"
        if not last.exists() or epochs_behind(last) is not None:
            settings = Source.open(student).settings(weights, epochs=request.epochs, seed=request.seed)
            resume = (run / DISTILLATION_RECORD).exists()
            distil_run(self.teacher, run, settings, self.sets, resume=resume, on_epoch=self.on_epoch)
        self._export(run, folder / "export", self._size(standing))
        more_accurate = standing.candidate is None
        return self._judged("distilled", standing, run, folder / "export", more_accurate=more_accurate)

    def int8(self, standing: Standing, folder: Path) -> StepRecord:
        """Quantise the smallest model that was kept; layers go back to float until the budget holds."""
        ways = self.target.int8_ways()
        if not ways:
            return _skipped("int8", f"{self.target.name} wants no INT8")
        files = folder / "files"
        if not files.exists():
            model = ExportedModel.open(standing.export / DETECTOR.exported)
            calibration = draw_calibration(self.sets, self.request.pictures, self.request.seed)
            if isinstance(model.record, ExportRecord):
                check_domain(model.file, model.record, self.sets, calibration)
            aim = DetectorAim(self.request.budget, self.workshop.scorer(standing.export), self.workshop.before())
            quantize(model, files, calibration, scheme=self._scheme(), aim=aim)
        names = {"openvino": DETECTOR.int8_openvino, "onnxruntime": DETECTOR.int8_onnx}
        variants = self.workshop.look("int8", standing.export, [(files / names[way.backend], way) for way in ways])
        speedups = self.workshop.speedup(standing.in_float, variants)
        if max(speedups) < _FASTER:
            why = f"{max(speedups):.2f} times as fast as in float"
            return StepRecord(step="int8", outcome="refused", why=why, variants=variants)
        why = f"{max(speedups):.2f} times as fast as in float, and the budget holds"
        return StepRecord(step="int8", outcome="kept", why=why, variants=variants)

    def standing_after(self, record: StepRecord, standing: Standing, folder: Path) -> Standing:
        """Return what a step that is done had come to, as its record tells."""
        smaller = folder / "run"
        if record.outcome == "refused" and record.step == "pruned" and smaller.exists():
            return replace(standing, candidate=smaller)
        if record.outcome != "kept":
            return standing
        if record.step == "int8":
            return replace(standing, int8=folder / "files")
        return replace(
            standing,
            run=smaller if smaller.exists() else standing.run,
            export=folder / "export",
            best=record.variants[0],
            candidate=None,
        )

    def _judged(
        self, step: str, before: Standing, run: Path, export: Path, *, more_accurate: bool = False
    ) -> StepRecord:
        """Keep a step's model if the budget holds and it is faster, or where that is its point more accurate."""
        parity = self._parity(run, export)
        variants = self._look(step, export)
        best, earlier = variants[0], before.in_float
        (speedup,) = self.workshop.speedup(earlier, [best])
        gained = 100 * (best.map50_95 - earlier.map50_95)
        why = f"{speedup:.2f} times as fast, {gained:+.2f} points of mAP50-95 against the step before"
        outcome: Literal["kept", "refused"] = "refused"
        if not best.verdict.kept:
            why = f"{why}; the budget does not hold: {best.verdict.told()}"
        elif gained <= 0 if more_accurate else speedup < _FASTER:
            why = f"{why}: not {'more accurate' if more_accurate else 'faster'}"
        else:
            outcome = "kept"
        return StepRecord(step=step, outcome=outcome, why=why, variants=variants, parity=parity)

    def _look(self, step: str, export: Path) -> tuple[Variant, ...]:
        file = export / DETECTOR.exported
        return self.workshop.look(step, export, [(file, way) for way in self.workshop.float_ways()])

    def _parity(self, run: Path, export: Path) -> dict[str, float]:
        """Hold an export against its checkpoint on some val pictures of each set."""
        pictures = [path for opened in self.sets for path in opened.pictures("val")[:_COMPARED]]
        file, record = export / DETECTOR.exported, read_export(export)
        return check_parity(run / "weights" / "best.pt", file, record, pictures, margin=self.request.margin)

    def _export(self, run: Path, export: Path, size: tuple[int, int]) -> None:
        if not export.exists():
            height, width = size
            request = self.request
            export_run(run, export, height=height, width=width, margin=request.margin, top_k=request.top_k)

    def _size(self, standing: Standing) -> tuple[int, int]:
        return standing.in_float.height, standing.in_float.width

    def _scheme(self) -> Int8Scheme:
        return Int8Scheme.VNNI if self.target.isa in {"AVX512_CORE_VNNI", "AVX2_VNNI"} else Int8Scheme.ANY_CPU


def _skipped(step: str, why: str) -> StepRecord:
    return StepRecord(step=step, outcome="skipped", why=why)
