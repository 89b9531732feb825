"""What may be asked of a bench: each field is an option of `edgekit bench`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal, get_type_hints

import typer

from edge.command_options import option, put_options


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was typed; the help says what each field is. Nothing heavy is imported here, since help must not wait."""

    bundles: Annotated[
        list[Path] | None,
        typer.Option(
            "--bundle", help="A bundle; several, say one an input size, are compared. The bundled by default."
        ),
    ] = None
    trusted_keys: Annotated[list[Path] | None, typer.Option("--trusted-key", help="Public key of its signer.")] = None
    source: Annotated[Path | None, typer.Option(help="The clip that every camera shows.")] = None
    streams: Annotated[
        str, typer.Option(help="Numbers of cameras, as 1,2,4, or most: as many as hold --fps and --p99-ms.")
    ] = "1,2,4"
    seconds: Annotated[float, typer.Option(min=2, help="Of each run at most.")] = 10.0
    rounds: Annotated[int, typer.Option(min=1, help="How often each case is run; the middle one counts.")] = 3
    backend: Annotated[Literal["auto", "openvino", "onnxruntime"], typer.Option(help="The engine.")] = "auto"
    precision: Annotated[Literal["auto", "fp32", "bf16", "fp16", "int8"], typer.Option(help="As in [inference].")] = (
        "auto"
    )
    device: Annotated[
        Literal["cpu", "gpu", "npu", "auto", "cuda", "tensorrt", "openvino"], typer.Option(help="As in [inference].")
    ] = "cpu"
    mode: Annotated[
        Literal["auto", "latency", "throughput"], typer.Option(help="auto: latency for one camera, as a box does.")
    ] = "auto"
    matrix: Annotated[bool, typer.Option("--matrix", help="Every engine, precision and mode that works here.")] = False
    fps: Annotated[
        float | None, typer.Option(min=0.5, max=240, help="Frames a second of each camera; the clip's by default.")
    ] = None
    p99_ms: Annotated[float, typer.Option(help="By when 99 of 100 frames have to be at a subscriber.")] = 200.0
    broker: Annotated[str | None, typer.Option(help="host:port; a broker of its own by default.")] = None
    data: Annotated[
        list[Path] | None, typer.Option(help="A set: accuracy of each precision on its part val (extra [eval]).")
    ] = None
    write: Annotated[
        Path | None, typer.Option(help="A box.toml: its bundle is measured, the best way to run it written there.")
    ] = None
    as_json: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None
    as_html: Annotated[Path | None, typer.Option("--html", help="Write a page with plots here.")] = None
    earlier: Annotated[Path | None, typer.Option("--compare", help="Fail where it is worse than this report.")] = None

    @property
    def files(self) -> Sequence[Path]:
        """Reports that will be written."""
        return [path for path in (self.as_json, self.as_html) if path is not None]


def ask_by_options(command: Callable[..., None]) -> None:
    """Put an option for each field in the place of a command's `**chosen`."""
    kinds = get_type_hints(Asked, include_extras=True)
    put_options(command, [option(each.name, kinds[each.name], each.default) for each in fields(Asked)])
