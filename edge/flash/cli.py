"""Bring the kit, a bundle and a configuration to a box, ready to run, with all that it needs and no network there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge.flash.payload import Order


def flash(
    *,
    root: Annotated[Path | None, typer.Option(help="Into a system that is mounted or built below this folder.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="The box.toml; what it names by relative paths is carried too.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="A bundle, folder or .ekb, in place of what lies at [bundle] path.")
    ] = None,
    secret: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE", help="A systemd credential for the service.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="A profile, see `edgekit devices list`.")] = None,
    wheels: Annotated[Path | None, typer.Option(help="Wheels of your own, such as NVIDIA's; they come first.")] = None,
    index: Annotated[bool, typer.Option(help="Whether a package index is asked for what --wheels lacks.")] = True,
    python: Annotated[str | None, typer.Option(help="Of the box, such as 3.10; else what it is found to have.")] = None,
    counter: Annotated[int | None, typer.Option(help="Of the release, never falling; else the time.", min=1)] = None,
) -> None:
    """Flash a box: the release is installed beside the one in use, put on trial, and found good or taken back.

    Example: edgekit flash --root /mnt/card --config site/box.toml --bundle model.ekb --secret mqtt-password=pw.txt
    """
    from devices.errors import EdgekitError  # noqa: PLC0415 - help must not wait for pydantic

    order = _order(config, bundle, secret or [], device, wheels, counter, index=index)
    if root is None:
        raise EdgekitError("say where to: --root DIR")
    from edge.flash.root import flash_root  # noqa: PLC0415

    release = flash_root(root, order, python, print)
    print(f"{release} runs when the system at {root} starts")


def _order(
    config: Path | None,
    bundle: Path | None,
    secrets: list[str],
    device: str | None,
    wheels: Path | None,
    counter: int | None,
    *,
    index: bool,
) -> "Order":
    from devices.errors import EdgekitError  # noqa: PLC0415 - as above
    from devices.library import profile  # noqa: PLC0415
    from edge.flash.payload import Order  # noqa: PLC0415
    from edge.flash.wheelhouse import Sources  # noqa: PLC0415

    if bundle is not None and config is None:
        raise EdgekitError("--bundle needs --config: box.toml says whose signature the bundle must have")
    files: dict[str, Path] = {}
    for told in secrets:
        name, given, file = told.partition("=")
        if not given:
            raise EdgekitError("a secret is told as NAME=FILE: the file holds it, so that no list of processes does")
        files[name] = Path(file)
    kind = None if device is None else profile(device)
    if kind is not None and not kind.supported:
        raise EdgekitError(f"{kind.title} is not supported: {kind.reason}")
    return Order(config, bundle, files, Sources(wheels, index), kind, counter)
