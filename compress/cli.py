"""Make a trained model small: INT8 for both engines of a box."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devices.errors import EdgekitError
from edge.evaluate.dataset import open_set

if TYPE_CHECKING:
    from compress.calibration import CalibrationSet

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def family() -> None:
    """Make a trained model small."""


@app.command()
def quantize(
    model: Annotated[Path, typer.Argument(help="The ONNX file that `edgekit train export` wrote.")],
    out: Annotated[Path, typer.Argument(help="The new folder.")],
    *,
    sets: Annotated[list[Path], typer.Option("--set", help="A set to calibrate on; may be given again.")],
    pictures: Annotated[int, typer.Option(min=1, help="Training pictures drawn over all sets.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Quantise a detector or a classifier to INT8, for OpenVINO with NNCF and for ONNX Runtime in QDQ form.

    Example: edgekit compress quantize runs/first/detector.onnx runs/first/int8 --set sets/warehouse
    """
    from compress import quantize as quantization  # noqa: PLC0415 - help must not wait for ONNX

    record = quantization.quantize(model, out, _draw(sets, pictures, seed))
    if as_json:
        print(record.model_dump_json())
        return
    kept = ", ".join(f"{len(nodes)} nodes of {name}" for name, nodes in record.float_nodes.items())
    print(f"{out}: calibrated on {record.calibration.pictures} pictures; in float: {kept}")


def _draw(folders: list[Path], count: int, seed: int) -> "CalibrationSet":
    """Draw calibration pictures from sets of one form, detection or tagged.

    Raises:
        EdgekitError: A folder is no set, the forms differ, or there is no training picture.
    """
    from compress.calibration import draw_calibration, draw_tagged  # noqa: PLC0415 - help must not wait for OpenCV
    from edge.evaluate.tagged_set import TAGS_RECORD, open_tagged_set  # noqa: PLC0415

    tagged = [(folder / TAGS_RECORD).exists() for folder in folders]
    if all(tagged):
        return draw_tagged([open_tagged_set(folder) for folder in folders], count, seed)
    if any(tagged):
        raise EdgekitError("detection sets and tagged sets cannot calibrate one model: name those of its training")
    return draw_calibration([open_set(folder) for folder in folders], count, seed)
