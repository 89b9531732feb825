"""Say what is wrong with this box, why it matters, and how to mend it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from devices.errors import EdgekitError


def doctor(
    *,
    config: Annotated[Path | None, typer.Option(help="The box.toml; without, the machine alone is looked at.")] = None,
    profile: Annotated[str | None, typer.Option(help="Of the device; by default the one that fits.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look at machine, bundle, engines, cameras, broker, disk, clock and unit. Exit code 1 where something fails.

    Example: edgekit doctor --config /etc/edgekit/box.toml
    """
    from edge.doctor.examine import examine  # noqa: PLC0415 - help must not wait for engines
    from edge.doctor.finding import Level  # noqa: PLC0415

    findings = examine(config, profile)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{finding.level.value:8} {finding.check:22} {finding.what}")
            if finding.level is not Level.OK:
                print(f"{'':31} why: {finding.why}\n{'':31} mend: {finding.mend}")
    failures = [finding.check for finding in findings if finding.level is Level.FAILURE]
    if failures:
        raise EdgekitError(f"{len(failures)} of {len(findings)} checks failed: {', '.join(failures)}")
