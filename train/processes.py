"""One training in several processes: each learns from its share of every batch, and all move their weights alike.

The first writes checkpoints and records and tells how far it is. One that dies ends all others: a run that waits for a
dead one would wait for ever.
"""

import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Literal

from devices.errors import EdgekitError
from train.learning import Learning

_GRACE_S = 3.0  # in which others may tell a better cause than having lost a peer
_STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class Told:
    """What a process says to the one that started it."""

    kind: Literal["epoch", "step", "failed"]
    done: int = 0
    total: int = 0
    cause: str = ""
    ours: bool = False


@dataclass(frozen=True, slots=True)
class _Worker:
    rank: int
    process: BaseProcess
    ears: Connection


def learn_in_processes(
    learning: Learning, count: int, on_epoch: Callable[[], None], on_step: Callable[[int, int], None]
) -> Path:
    """Learn in several processes on this machine, and return the best checkpoint.

    Args:
        learning: What each of them is given.
        count: How many; on GPUs each has one of its own.
        on_epoch: Called when an epoch is recorded and saved.
        on_step: Called after each step with how many are done, and how many there are at most.

    Raises:
        EdgekitError: One of them failed or died; the others were ended.
    """
    port = _free_port()
    workers = [_start(learning, rank, count, port) for rank in range(count)]
    try:
        _follow(workers, on_epoch, on_step)
    finally:
        _end(workers)
    return learning.out / "weights" / "best.pt"


def _start(learning: Learning, rank: int, count: int, port: int) -> _Worker:
    # A fresh interpreter: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    ears, mouth = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(learning, rank, count, port, mouth), name=f"edgekit-train-{rank}")
    process.start()
    mouth.close()
    return _Worker(rank, process, ears)


def _work(learning: Learning, rank: int, count: int, port: int, mouth: Connection) -> None:
    """Learn as one of several; this is a process of its own."""
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in names.items()})
    os.environ["MASTER_ADDR"] = "127.0.0.1"
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that started it ends it
    sys.stdout = sys.stderr  # what libraries print is no answer of the command
    try:
        learning.run(
            lambda: mouth.send(Told("epoch")),
            lambda done, total: mouth.send(Told("step", done, total)) if rank == 0 else None,
        )
    except EdgekitError as exc:
        mouth.send(Told("failed", cause=str(exc), ours=True))
        sys.exit(1)
    except Exception as exc:  # noqa: BLE001 - the top of a process: its cause is told where somebody reads it
        mouth.send(Told("failed", cause=f"{type(exc).__name__}: {str(exc).strip() or 'no reason given'}"))
        sys.exit(1)


def _follow(workers: Sequence[_Worker], on_epoch: Callable[[], None], on_step: Callable[[int, int], None]) -> None:
    """Pass on what the processes say until all have ended well.

    Raises:
        EdgekitError: One did not.
    """
    listening = {worker.ears: worker for worker in workers}
    while listening:
        for ready in wait(list(listening)):
            worker = next(one for ears, one in listening.items() if ears is ready)
            try:
                told = worker.ears.recv()
            except EOFError:
                del listening[worker.ears]
                worker.process.join()
                if worker.process.exitcode:
                    raise _cause_of(workers, {}) from None
                continue
            match told.kind:
                case "epoch":
                    on_epoch()
                case "step":
                    on_step(told.done, told.total)
                case _:
                    raise _cause_of(workers, {worker.rank: told})


def _cause_of(workers: Sequence[_Worker], told: dict[int, Told]) -> EdgekitError:
    """Wait a moment for what the others say, and return what ended the run rather than what that led to."""
    until = time.monotonic() + _GRACE_S
    while time.monotonic() < until and len(told) < len(workers):
        for worker in workers:
            try:
                if worker.rank not in told and worker.ears.poll(0.05):
                    said = worker.ears.recv()
                    told |= {worker.rank: said} if said.kind == "failed" else {}
            except (EOFError, OSError):
                continue
    for failed in told.values():
        if failed.ours:
            return EdgekitError(failed.cause)
    for worker in workers:
        code = worker.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            return EdgekitError(
                f"process {worker.rank + 1} of {len(workers)} was ended by {name} (out of memory?), so all were ended: "
                "what was saved is kept, go on with --resume"
            )
    causes = "; ".join(f"process {rank + 1}: {failed.cause}" for rank, failed in sorted(told.items()))
    return EdgekitError(f"the training in {len(workers)} processes failed: {causes or 'one ended without a word'}")


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        worker.process.join(_STOP_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.ears.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
