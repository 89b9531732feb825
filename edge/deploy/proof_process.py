"""The proof of a release on trial, by its own software in a process of its own, and its outbox read by ours."""

import os
import subprocess
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import final

from devices.errors import EdgekitError
from edge.mqtt.outbox_file import open_file

PROOF_OUTBOX = "outbox.db"
# A process that was told of these would speak to the service manager in the service's name.
_OF_THE_MANAGER = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "RUNTIME_DIRECTORY"})
_TOLD_BYTES = 2000


@final
class ProofProcess:
    """Runs `edgekit release prove` of one release, once; as a context manager it leaves neither process nor folder.

    Args:
        release: The folder of the release.
        config: The box.toml.
    """

    def __init__(self, release: Path, config: Path) -> None:
        self._release = release
        self._config = config
        self._stack = ExitStack()
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._fault: str | None = None
        self.passed = False

    def __enter__(self) -> "ProofProcess":
        """Make a folder for it; nothing runs yet."""
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="edgekit-proof-")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._stack.close()

    def look(self) -> str | None:
        """Begin it where it has not begun; return why the release is refuted, None where it is not, or not yet."""
        if self._folder is None or self.passed or self._fault is not None:
            return self._fault
        if self._process is None:
            self._begin(self._folder)
        elif self._process.poll() is not None:
            self._fault = self._fault_of(self._folder, self._process.returncode)
            self.passed = self._fault is None
        return self._fault

    def _begin(self, folder: Path) -> None:
        program = self._release / "bin/edgekit"
        command = [
            str(program),
            "release",
            "prove",
            "--config",
            str(self._config),
            "--outbox",
            str(folder / PROOF_OUTBOX),
        ]
        environment = {name: value for name, value in os.environ.items() if name not in _OF_THE_MANAGER}
        with (folder / "told").open("wb") as told:
            try:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=told, stderr=told, env=environment
                )
            except OSError as exc:
                self._fault = f"{program} cannot be started: {exc.strerror}"

    def _fault_of(self, folder: Path, code: int) -> str | None:
        if code != 0:
            told = (folder / "told").read_bytes()[-_TOLD_BYTES:].decode(errors="replace").strip().splitlines()
            return f"it does not prove itself: {told[-1] if told else f'its proof ended with {code}'}"
        try:
            with closing(open_file(folder / PROOF_OUTBOX).connection) as outbox:
                counted = outbox.execute("SELECT max(last_seq) FROM cameras").fetchone()[0]
        except EdgekitError as exc:
            return f"the release before it cannot read its outbox, so that going back would lose events: {exc}"
        return None if counted else "the release before it finds no event in the outbox of its proof"
