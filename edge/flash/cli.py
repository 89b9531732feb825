"""Bring the kit, a bundle and a configuration to a box, ready to run, with all that it needs and no network there."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge.deploy.payload import Target
    from edge.flash.payload import Order
    from edge.flash.ssh import Reach


def flash(
    *,
    root: Annotated[Path | None, typer.Option(help="Into a system that is mounted or built below this folder.")] = None,
    ssh: Annotated[
        list[str] | None, typer.Option(metavar="USER@HOST[:PORT]", help="Onto running boxes, one after another.")
    ] = None,
    seed: Annotated[
        Path | None, typer.Option(help="Into a new image (.iso) that cloud-init installs a fresh x86 box from.")
    ] = None,
    deb: Annotated[Path | None, typer.Option(help="Into a new Debian package.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="The box.toml; what it names by relative paths is carried too. {host}: a box's host name."),
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
    python: Annotated[str | None, typer.Option(help="Of the box, such as 3.10; else what is found or usual.")] = None,
    arch: Annotated[str, typer.Option(help="Of the box, for --deb: x86_64 or aarch64.")] = "x86_64",
    glibc: Annotated[str, typer.Option(help="Of the box, for --seed and --deb: the newest that is there.")] = "2.35",
    counter: Annotated[int | None, typer.Option(help="Of the release, never falling; else the time.", min=1)] = None,
    identity: Annotated[Path | None, typer.Option(help="The private key for --ssh.")] = None,
    known_hosts: Annotated[Path | None, typer.Option(help="Keys of hosts for --ssh, if not your own file.")] = None,
    prefix: Annotated[str | None, typer.Option(help="With --ssh: a folder on the box to install into.")] = None,
    verdict_s: Annotated[float, typer.Option(help="With --ssh: seconds to wait for a health gate.", min=0)] = 1200.0,
    keep_going: Annotated[bool, typer.Option("--keep-going", help="With --ssh: go on after a bad box.")] = False,
    login: Annotated[Path | None, typer.Option(help="With --seed: public key of who may log in.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --ssh: print what became of each box as JSON.")] = False,
) -> None:
    """Flash a box: the release is installed beside the one in use, put on trial, and found good or taken back.

    Example: edgekit flash --ssh root@line1 --config site/box.toml --bundle model.ekb --secret mqtt-password=pw.txt
    """
    from devices.errors import EdgekitError  # noqa: PLC0415 - help must not wait for pydantic

    order = _order(config, bundle, secret or [], device, wheels, counter, index=index)
    match root, ssh or None, seed, deb:
        case Path(), None, None, None:
            _into_root(root, order, python)
        case None, list(), None, None:
            from edge.flash.ssh import Reach  # noqa: PLC0415

            reach = Reach(identity, known_hosts, prefix, verdict_s)
            _over_ssh(ssh or [], order, reach, keep_going=keep_going, as_json=as_json)
        case None, None, Path(), None:
            _into_seed(seed, order, _target("x86_64", python, glibc, order), login)
        case None, None, None, Path():
            _into_deb(deb, order, _target(arch, python, glibc, order))
        case _:
            raise EdgekitError("say where to, one way: --root DIR, --ssh USER@HOST…, --seed FILE.iso or --deb FILE.deb")


def _into_root(root: Path, order: "Order", python: str | None) -> None:
    from edge.flash.root import flash_root  # noqa: PLC0415

    print(f"{flash_root(root, order, python, print)} runs when the system at {root} starts")


def _over_ssh(told: list[str], order: "Order", reach: "Reach", *, keep_going: bool, as_json: bool) -> None:
    from edge.flash.fleet import Verdict, as_records, flash_fleet, table  # noqa: PLC0415
    from edge.flash.hosts import parse_host  # noqa: PLC0415

    hosts = [parse_host(one) for one in told]
    outcomes = flash_fleet(hosts, order, reach, lambda line: print(line, file=sys.stderr), keep_going=keep_going)
    print(json.dumps(as_records(outcomes), indent=1) if as_json else table(outcomes))
    if any(one.verdict is not Verdict.GOOD for one in outcomes):
        raise typer.Exit(1)


def _into_deb(out: Path, order: "Order", target: "Target") -> None:
    from edge.flash.deb import write_deb  # noqa: PLC0415
    from edge.flash.payload import Packer  # noqa: PLC0415

    with TemporaryDirectory(prefix="edgekit-flash-") as room:
        payload, listed = Packer(Path(room)).build(order, target)
        write_deb(payload, listed, out)
    print(f"{out}: release {listed.release} for {target.architecture} with Python {target.python}")


def _into_seed(out: Path, order: "Order", target: "Target", login: Path | None) -> None:
    from devices.errors import EdgekitError  # noqa: PLC0415
    from edge.config import load_config  # noqa: PLC0415
    from edge.flash.payload import Packer  # noqa: PLC0415
    from edge.flash.seed import write_seed  # noqa: PLC0415

    if order.config is None:
        raise EdgekitError("a fresh box has no configuration: bring one by --config")
    with TemporaryDirectory(prefix="edgekit-flash-") as room:
        payload, listed = Packer(Path(room)).build(order, target)
        write_seed(payload, listed, load_config(order.config).box.name, out, login)
    print(f"{out}: release {listed.release} for {target.architecture} with Python {target.python}")
    if order.secrets:
        print("it holds secrets: keep it as one, and take it out of the box once that runs")


def _target(architecture: str, python: str | None, glibc: str, order: "Order") -> "Target":
    from devices.validation import checked  # noqa: PLC0415
    from edge.deploy.payload import Target  # noqa: PLC0415

    runtime = None if order.profile is None else order.profile.runtime
    usual = runtime.python[0] if runtime is not None and len(runtime.python) == 1 else "3.11"
    return checked(Target, architecture=architecture, python=python or usual, least_glibc=glibc)


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
