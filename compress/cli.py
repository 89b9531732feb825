"""Make a trained model small: INT8 for both engines of a box."""

from pathlib import Path
from typing import Annotated

import typer

from edge.evaluate.dataset import open_set

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def family() -> None:
    """Make a trained model small."""


@app.command()
def quantize(
    model: Annotated[Path, typer.Argument(help="The ONNX file that `edgekit train export` wrote.")],
    out: Annotated[Path, typer.Argument(help="The new folder.")],
    *,
    sets: Annotated[list[Path], typer.Option("--set", help="A detection set to calibrate on; may be given again.")],
    pictures: Annotated[int, typer.Option(min=1, help="Training pictures drawn over all sets.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Quantise a detector to INT8, for OpenVINO with NNCF and for ONNX Runtime in QDQ form.

    Example: edgekit compress quantize runs/first/detector.onnx runs/first/int8 --set sets/warehouse
    """
    from compress import quantize as quantization  # noqa: PLC0415 - help must not wait for ONNX

    record = quantization.quantize(model, out, [open_set(folder) for folder in sets], pictures=pictures, seed=seed)
    if as_json:
        print(record.model_dump_json())
        return
    kept = ", ".join(f"{len(nodes)} nodes of {name}" for name, nodes in record.float_nodes.items())
    print(f"{out}: calibrated on {record.calibration.pictures} pictures; in float: {kept}")
