"""What boxes there are, and what this machine is."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from devices.errors import EdgekitError
from devices.library import profile, profiles, suggest
from devices.machine import Machine
from devices.probe import probe
from devices.profile import Profile

app = typer.Typer(no_args_is_help=True, help="What boxes there are, and what this machine is.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_profiles(*, as_json: AsJson = False) -> None:
    """List the profiles of all devices, those that are not supported with the reason.

    Example: edgekit devices list
    """
    if as_json:
        print(json.dumps([_told(one) for one in profiles()], indent=2))
        return
    for one in profiles():
        print(f"{one.name:28} {one.title}" + ("" if one.supported else f"\n{'':28} not supported: {one.reason}"))


@app.command()
def show(name: Annotated[str, typer.Argument(help="Of the profile.")], *, as_json: AsJson = False) -> None:
    """Show one profile: its software, precisions, power modes, and what others measured on it.

    Example: edgekit devices show jetson-orin-nano-jetpack6
    """
    one = profile(name)
    if as_json:
        print(json.dumps(_told(one), indent=2))
        return
    print("\n".join(_lines(one)))


@app.command("probe")
def probe_machine(*, as_json: AsJson = False) -> None:
    """Say what this machine is and which profile fits it.

    Example: edgekit devices probe
    """
    machine = probe()
    fitting = suggest(machine)
    if as_json:
        facts: dict[str, Any] = asdict(machine) | {"cpu_flags": sorted(machine.cpu_flags)}
        print(json.dumps({"machine": facts, "profile": fitting.name if fitting else None}, indent=2))
    else:
        print("\n".join(_facts(machine)))
        print(f"profile       {fitting.name}: {fitting.title}" if fitting else "profile       none fits")
    if fitting is None:
        raise EdgekitError(
            f"no profile fits a machine of architecture {machine.architecture}: see `edgekit devices list`"
        )
    if not fitting.supported:
        raise EdgekitError(f"{fitting.title}: {fitting.reason}")


def _told(one: Profile) -> dict[str, Any]:
    return one.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {"supported": one.supported}


def _lines(one: Profile) -> list[str]:
    lines = [f"{one.name}: {one.title}"]
    if one.reason is not None:
        lines.append(f"not supported: {one.reason}")
    if one.runtime is not None:
        lines += [
            f"python        {', '.join(one.runtime.python)}; glibc {one.runtime.least_glibc} or newer",
            f"backends      {', '.join(backend.value for backend in one.runtime.backends)}",
            f"wheels        {', '.join(one.runtime.wheels)}, from {one.runtime.wheels_from}",
        ]
    if one.inference is not None:
        lines.append(f"precisions    {', '.join(one.inference.precisions)}")
    lines += [f"power mode    {mode.name}" + (f", {mode.watts:g} W" if mode.watts else "") for mode in one.power_modes]
    lines += [
        f"published     {figure.model}, {figure.backend} {figure.precision}, {figure.input_px} px: "
        f"{figure.inference_ms:g} ms ({figure.source})"
        for figure in one.figures
    ]
    return lines + [f"note          {note}" for note in one.notes]


def _facts(machine: Machine) -> list[str]:
    jetson = machine.jetson
    fast = ("avx2", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimddp", "i8mm", "bf16")
    lines = [
        f"architecture  {machine.architecture}",
        f"processor     {machine.cpu or 'unknown'}, {machine.cores} cores",
        f"features      {', '.join(flag for flag in fast if flag in machine.cpu_flags) or 'none that matters here'}",
        f"memory        {machine.memory_mib} MiB",
        f"system        {machine.system}, glibc {machine.glibc or 'none'}, Python {machine.python}",
        f"storage       {machine.storage.free_mib} of {machine.storage.total_mib} MiB free"
        + (f", {machine.storage.worn_percent} % worn" if machine.storage.worn_percent is not None else ""),
        f"accelerators  {', '.join((*machine.gpus, *machine.npus)) or 'none with a driver'}",
        f"cameras       {', '.join(machine.cameras) or 'none of V4L2'}",
    ]
    if machine.board is not None:
        lines.append(f"board         {machine.board}")
    if jetson is not None:
        lines.append(
            f"jetson        L4T {'.'.join(map(str, jetson.l4t))}, JetPack {jetson.jetpack or 'unknown'}, "
            f"CUDA {jetson.cuda or 'none'}, TensorRT {jetson.tensorrt or 'none'}, "
            f"power mode {jetson.power_mode or 'unknown'}"
        )
    return lines
