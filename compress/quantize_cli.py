"""The command that quantises an exported model."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compress.int8_scheme import Int8Scheme
from devices.errors import EdgekitError
from edge.evaluate.dataset import open_set

if TYPE_CHECKING:
    from compress.aim import Aim
    from compress.calibration import CalibrationSet
    from compress.exported_model import ExportedModel


def quantize(
    model: Annotated[Path, typer.Argument(help="The ONNX file that `edgekit train export` wrote.")],
    out: Annotated[Path, typer.Argument(help="The new folder.")],
    *,
    sets: Annotated[list[Path], typer.Option("--set", help="A set to calibrate on; may be given again.")],
    pictures: Annotated[
        int, typer.Option(min=1, help="Training pictures drawn over all sets, of each kind alike.")
    ] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
    scheme: Annotated[
        Int8Scheme, typer.Option(help="What ONNX Runtime's file is for; any-cpu leaves a bit of each weight unused.")
    ] = Int8Scheme.ANY_CPU,
    budget: Annotated[
        str | None,
        typer.Option(help="What may be lost on val, as 'mAP -0.8' or 'accuracy -0.5'; layers go back to float."),
    ] = None,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Measure how much each layer's INT8 moves what is found.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Quantise a detector or a classifier to INT8, for OpenVINO with NNCF and for ONNX Runtime in QDQ form.

    Example: edgekit compress quantize export/detector.onnx int8 --set sets/warehouse --budget "mAP -0.8"
    """
    from compress import quantize as quantization  # noqa: PLC0415 - help must not wait for ONNX
    from compress.exported_model import ExportedModel  # noqa: PLC0415

    opened = ExportedModel.open(model)
    _check_kind(opened, sets)
    aim = _aim(opened, budget, sets) if budget is not None else None
    calibration = _draw(opened, sets, pictures, seed)
    report = quantization.quantize(opened, out, calibration, scheme=scheme, aim=aim, sensitivity=sensitivity)
    if as_json:
        print(report.model_dump_json())
        return
    print(f"{out}: calibrated on {len(calibration.pictures)} pictures, digest {calibration.digest[:12]}")
    for line in report.told():
        print(f"  {line}")


def _check_kind(opened: "ExportedModel", folders: Sequence[Path]) -> None:
    """Check that sets are of a model's kind.

    Raises:
        EdgekitError: A folder is no set of that kind.
    """
    from edge.evaluate.tagged_set import TAGS_RECORD  # noqa: PLC0415 - help must not wait for OpenCV
    from edge.model.export_record import ExportRecord  # noqa: PLC0415

    wants_tags = not isinstance(opened.record, ExportRecord)
    for folder in folders:
        if (folder / TAGS_RECORD).exists() != wants_tags:
            kind = "tagged" if wants_tags else "detection"
            raise EdgekitError(f"{folder} is no {kind} set: calibrate a model on the sets of its training")


def _aim(opened: "ExportedModel", budget: str, folders: Sequence[Path]) -> "Aim":
    """Return what INT8 files of the model have to keep on the sets' val parts."""
    from compress.aim import ClassifierAim, DetectorAim  # noqa: PLC0415 - help must not wait for OpenCV
    from compress.budget import AccuracyBudget, Budget  # noqa: PLC0415
    from compress.scorer import Scorer  # noqa: PLC0415
    from edge.evaluate.tagged_set import open_tagged_set  # noqa: PLC0415
    from edge.model.export_record import ExportRecord  # noqa: PLC0415

    if isinstance(opened.record, ExportRecord):
        return DetectorAim(Budget.read(budget), Scorer.of(opened.record, [open_set(folder) for folder in folders]))
    wanted = AccuracyBudget.read(budget)
    return ClassifierAim.of(wanted, opened.record, [open_tagged_set(folder) for folder in folders])


def _draw(opened: "ExportedModel", folders: Sequence[Path], count: int, seed: int) -> "CalibrationSet":
    """Draw calibration pictures from sets of the model's kind, and check that they are of its domain.

    Raises:
        EdgekitError: There is no training picture, or they are not of the domain.
    """
    from compress.calibration import draw_calibration, draw_tagged  # noqa: PLC0415 - help must not wait for OpenCV
    from compress.domain import check_domain, check_tags  # noqa: PLC0415
    from edge.evaluate.tagged_set import open_tagged_set  # noqa: PLC0415
    from edge.model.export_record import ExportRecord  # noqa: PLC0415

    if isinstance(opened.record, ExportRecord):
        sets = [open_set(folder) for folder in folders]
        calibration = draw_calibration(sets, count, seed)
        check_domain(opened.file, opened.record, sets, calibration)
        return calibration
    tagged = [open_tagged_set(folder) for folder in folders]
    check_tags(opened.file, opened.record, tagged)
    return draw_tagged(tagged, count, seed)
