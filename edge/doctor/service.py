"""The box's unit, as systemd has it."""

import subprocess
from collections.abc import Iterator

from edge.doctor.finding import Finding, failure, fine, warning

UNIT = "edgekit.service"
_PATIENCE_S = 5.0
_ASKED = ("LoadState", "ActiveState", "SubState", "NRestarts", "Result", "StatusText")


def check_unit() -> Iterator[Finding]:
    """Say how the service does; on a machine without systemd there is nothing to say."""
    try:
        asked = subprocess.run(
            ["systemctl", "show", UNIT, *(f"--property={name}" for name in _ASKED)],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return
    if asked.returncode != 0:
        return
    told = dict(line.split("=", 1) for line in asked.stdout.splitlines() if "=" in line)
    if told.get("LoadState") != "loaded":
        yield warning(
            "unit", f"{UNIT} is not installed", "nothing starts the box after a power cut", "install it from systemd/"
        )
    elif told.get("SubState") == "start":
        yield warning(
            "unit",
            f"{UNIT} is being started: {told.get('StatusText') or 'its software is loaded'}",
            "nobody looks at the cameras yet",
            "wait; where an engine is built for an accelerator first, that takes minutes",
        )
    elif told.get("ActiveState") != "active":
        yield failure(
            "unit",
            f"{UNIT} is {told.get('ActiveState')}, {told.get('SubState')}: {told.get('Result')}",
            "nobody looks at the cameras",
            f"journalctl -u {UNIT} says why; then systemctl restart {UNIT}",
        )
    elif int(told.get("NRestarts", "0") or 0) > 0:
        yield warning(
            "unit",
            f"{UNIT} is active, and was restarted {told['NRestarts']} times",
            "what passed meanwhile was not seen",
            f"journalctl -u {UNIT} says why",
        )
    else:
        yield fine("unit", f"{UNIT} is active")
