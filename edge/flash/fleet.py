"""Several boxes, one after another: the next is touched only when the health gate of the one before found it good."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

from devices.errors import EdgekitError
from edge.deploy.install import Told
from edge.deploy.ledger import Release, State
from edge.deploy.payload import Target
from edge.flash.hosts import Host
from edge.flash.payload import Order, Packer
from edge.flash.ssh import Connection, Reach
from edge.printable import printable

HOST_IN_PATH = "{host}"


class Verdict(str, Enum):
    """What became of a box."""

    GOOD = "good"
    BAD = "taken back"
    OPEN = "no verdict"
    FAILED = "not updated"
    SPARED = "not tried"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one box.

    Attributes:
        host: Its address.
        verdict: Of its health gate, or why there is none.
        release: What was brought; empty where nothing was.
        took_s: Seconds that it took.
        reason: Why it is not good.
    """

    host: str
    verdict: Verdict
    release: str = ""
    took_s: float = 0.0
    reason: str = ""


def flash_fleet(hosts: Sequence[Host], order: Order, reach: Reach, tell: Told, *, keep_going: bool) -> list[Outcome]:
    """Flash boxes over SSH, one after another.

    Args:
        hosts: Their addresses.
        order: What they get; {host} in the configuration's path stands for the host's name.
        reach: How they are reached.
        tell: Takes what happens, a line at a time.
        keep_going: Go on where a box is not good; else the others are spared.

    Raises:
        EdgekitError: Two boxes would get one configuration, and so one name.
    """
    shared = order.config is not None and HOST_IN_PATH not in str(order.config)
    if shared and len(hosts) > 1:
        raise EdgekitError(
            f"{len(hosts)} boxes cannot have one box.toml, which names a box: write {HOST_IN_PATH} in --config, as in "
            f"sites/{HOST_IN_PATH}/box.toml, or leave --config away to keep what each box has"
        )
    outcomes: list[Outcome] = []
    with TemporaryDirectory(prefix="edgekit-flash-") as room:
        packer = Packer(Path(room))
        for host in hosts:
            if outcomes and outcomes[-1].verdict is not Verdict.GOOD and not keep_going:
                outcomes += [Outcome(str(spared), Verdict.SPARED) for spared in hosts[len(outcomes) :]]
                break
            began = time.monotonic()
            outcome = _flash_one(host, packer, order, reach, tell)
            outcomes.append(replace(outcome, took_s=round(time.monotonic() - began, 1)))
            tell(f"{host}: {outcome.verdict.value} {outcome.reason}".rstrip())
    return outcomes


def table(outcomes: Sequence[Outcome]) -> str:
    """Return what became of all boxes, a line each."""
    rows = [("box", "verdict", "release", "seconds", "reason")]
    rows += [(one.host, one.verdict.value, one.release, f"{one.took_s:.1f}", one.reason) for one in outcomes]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4])).rstrip()
        for row in rows
    )


def as_records(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """Return what became of all boxes for a program."""
    return [{**asdict(one), "verdict": one.verdict.value} for one in outcomes]


def _flash_one(host: Host, packer: Packer, order: Order, reach: Reach, tell: Told) -> Outcome:
    if order.config is not None:
        order = replace(order, config=Path(str(order.config).replace(HOST_IN_PATH, host.name)))
    release = ""
    try:
        target = asyncio.run(_ask(host, reach))
        tell(f"{host} is {target.architecture} with Python {target.python} and glibc {target.least_glibc}")
        payload, listed = packer.build(order, target)
        release = listed.release
        found = asyncio.run(_bring(host, reach, payload, release, tell))
    except EdgekitError as exc:
        return Outcome(str(host), Verdict.FAILED, release, reason=str(exc))
    if found is None:
        return Outcome(str(host), Verdict.OPEN, release, reason=f"nothing was said in {reach.verdict_s:.0f} s")
    good = found.state is State.GOOD
    return Outcome(str(host), Verdict.GOOD if good else Verdict.BAD, release, reason=printable(found.reason or ""))


async def _ask(host: Host, reach: Reach) -> Target:
    async with Connection(host, reach) as box:
        return await box.target()


async def _bring(host: Host, reach: Reach, payload: Path, release: str, tell: Told) -> Release | None:
    async with Connection(host, reach) as box:
        for line in (await box.install(payload)).splitlines():
            tell(f"{host}: {printable(line)}")
        return await box.verdict(release)
