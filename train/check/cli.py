"""The command `edgekit data check`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devices.errors import EdgekitError
from train.check.findings import MEANING, SEVERITY
from train.check.limits import CheckLimits

if TYPE_CHECKING:
    from edge.model.detector import Detector
    from train.check.findings import CheckReport
    from train.check.quarantine import Fixed

_LIMITS = CheckLimits()
_EXAMPLES = 3


def check(
    folder: Annotated[Path, typer.Argument(metavar="SET", help="The set.")],
    *,
    html: Annotated[Path | None, typer.Option(help="Write a gallery with the pictures, one HTML file.")] = None,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Move what is affected to SET/quarantine with its labels; nothing is deleted. See --only."
        ),
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help=f"Tell and fix these alone; several times. Kinds: {', '.join(SEVERITY)}."),
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Ask this bundle's model too: labels of train and val that it contradicts.")
    ] = None,
    trusted_keys: Annotated[
        list[Path] | None, typer.Option("--trusted-key", help="Public key of the bundle's signer.")
    ] = None,
    blur: Annotated[
        float, typer.Option(min=0, max=1, help="Blurred above it. Plain warehouse pictures stay below 0.46.")
    ] = _LIMITS.blur,
    dark: Annotated[
        float,
        typer.Option(
            min=0, max=255, help="Dark if its brightest hundredth is below; lit goods in a dark hall reach 76."
        ),
    ] = _LIMITS.dark,
    bright: Annotated[
        float,
        typer.Option(min=0, max=255, help="Bright if its darkest hundredth is above; usually that is 75 at most."),
    ] = _LIMITS.bright,
    alike: Annotated[
        float,
        typer.Option(min=0.5, max=1, help="Nearly the same from this correlation on; other cameras stay below."),
    ] = _LIMITS.alike,
    imbalance: Annotated[
        float,
        typer.Option(min=1, help="Most labels of one class for one of another; beyond 10 that hardly learns."),
    ] = _LIMITS.imbalance,
    sure: Annotated[
        float, typer.Option(min=0, max=1, help="Score from which on a detection that nobody labelled is told.")
    ] = _LIMITS.sure,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Say what is wrong with a set: files, pictures, labels, leaks between splits; exit code 1 where it has errors.

    Example: edgekit data check sets/warehouse --html warehouse.html
    """
    unknown = [kind for kind in only or () if kind not in SEVERITY]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]} is none of {', '.join(SEVERITY)}", param_hint="--only")
    from edge.evaluate.dataset import ALL_SPLITS  # noqa: PLC0415 - help must not wait for OpenCV
    from train.check.doctor import examine, open_for_check  # noqa: PLC0415
    from train.check.gallery import write_gallery  # noqa: PLC0415
    from train.check.quarantine import take_out  # noqa: PLC0415

    opened = open_for_check(folder)
    limits = CheckLimits(blur=blur, dark=dark, bright=bright, alike=alike, imbalance=imbalance, sure=sure)
    detector = _detector(bundle, trusted_keys or [])
    pictures = sum(len(opened.pictures(split)) for split in ALL_SPLITS)
    length = pictures * (2 if detector is None else 3)
    with typer.progressbar(length=length, label="checking", file=typer.get_text_stream("stderr")) as bar:
        examination = examine(opened, limits, detector, bar.update).only(only or SEVERITY)
    if html is not None:
        write_gallery(examination, html)
    fixed = take_out(examination) if fix else None
    if as_json:
        moved = {"moves": [asdict(move) for move in fixed.moves], "left": fixed.left.as_record()} if fixed else {}
        print(json.dumps({**examination.report.as_record(), **moved}, indent=1))
    else:
        _print_report(examination.report)
        if fixed is not None:
            _print_fix(fixed)
    if (fixed.left if fixed is not None else examination.report).errors:
        raise typer.Exit(1)


def _detector(bundle: Path | None, trusted_keys: list[Path]) -> "Detector | None":
    if bundle is None:
        return None
    from edge.model.bundle import open_bundle  # noqa: PLC0415 - engines are slow to load
    from edge.model.detector import load_detector  # noqa: PLC0415

    if not trusted_keys:
        raise EdgekitError(f"who signed {bundle}? name the public key with --trusted-key")
    return load_detector(open_bundle(bundle, trusted_keys))


def _print_report(report: "CheckReport") -> None:
    for part in report.parts:
        labels = ", ".join(f"{count} {name}" for name, count in part.labels.items())
        print(f"{part.split}: {part.pictures} pictures, {part.background} of them declared background; {labels}")
    for kind in report.kinds:
        findings = report.of_kind(kind)
        print(f"\n{SEVERITY[kind]:<7} {kind}: {len(findings)} - {MEANING[kind]}")
        for finding in findings[:_EXAMPLES]:
            named = finding.pictures[0] + ": " if finding.pictures else ""
            print(f"        {named}{finding.detail}")
        if len(findings) > _EXAMPLES:
            print(f"        and {len(findings) - _EXAMPLES} more: see --html or --json")
        print(f"        mend: {findings[0].remedy}")
    warnings = len(report.findings) - report.errors
    print(f"\n{report.name}: {report.errors} errors, {warnings} warnings")


def _print_fix(fixed: "Fixed") -> None:
    print()
    for move in fixed.moves:
        print(f"moved {move.file} to {move.to} ({', '.join(move.kinds)})")
    left = fixed.left
    warnings = len(left.findings) - left.errors
    print(f"{len(fixed.moves)} files moved; left for you: {left.errors} errors, {warnings} warnings")
    for kind in left.kinds:
        finding = left.of_kind(kind)[0]
        print(f"  {SEVERITY[kind]} {kind}: {len(left.of_kind(kind))}, such as {finding.detail}; {finding.remedy}")
