"""Exchanges a model of a running box: verified, proved, compared on live pictures, and taken back where it fails.

All of it happens in a thread of its own, so that neither cameras nor commands wait: what becomes of it is told step by
step. Memory holds both models from loading to the end of the probation, then the old one is let go. An exchange lasts
until the next start, which takes the bundle at the configured path.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from devices.errors import EdgekitError
from edge.config import Swap
from edge.memory import return_free_memory
from edge.mqtt.messages import ModelKind, SwapMessage, SwapState
from edge.runtime.in_use import InUse
from edge.runtime.shadow import Bounds, Comparison
from edge.runtime.swappable import Swappable, Trial

_log = logging.getLogger(__name__)

_WATCH_S = 0.05
_LEAST_FRAMES = 20  # of a model on probation, before its speed is judged


@dataclass(frozen=True, slots=True)
class _Asked:
    command_id: str
    kind: ModelKind
    bundle: str
    path: Path


class ModelSwap:
    """Carries out one exchange at a time.

    Args:
        settings: From the configuration.
        kinds: What can be exchanged; a box without a classifier has none to exchange.
        tell: Called at each step, from this object's own thread; the model in use is by then what the step says.
    """

    def __init__(
        self, settings: Swap, kinds: Mapping[ModelKind, Swappable], tell: Callable[[SwapMessage], None]
    ) -> None:
        self._settings = settings
        self._kinds = kinds
        self._tell = tell
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, command_id: str, name: str | None, kind: ModelKind = ModelKind.DETECTOR) -> None:
        """Begin an exchange and return at once.

        Args:
            command_id: Of the command that asks for it.
            name: Path of a bundle below the folder that the configuration names, None for the configured path.
            kind: Which model is exchanged.

        Raises:
            EdgekitError: One is under way, there is no such folder, or no such model.
        """
        if self._thread is not None and self._thread.is_alive():
            raise EdgekitError("a model is being exchanged already: wait until the status says done or refused")
        if kind not in self._kinds:
            raise EdgekitError(f"this box has no {kind.value} to exchange: name one in its configuration")
        path = self._path(kind, name)
        asked = _Asked(command_id, kind, name or str(path), path)
        self._thread = threading.Thread(target=self._main, args=(asked,), name="model-swap", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Break off what is under way; a model on probation stays in use."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _path(self, kind: ModelKind, name: str | None) -> Path:
        if name is None:
            return self._kinds[kind].configured
        folder = self._settings.folder
        if folder is None:
            raise EdgekitError("the configuration names no folder in [swap]: ask for the configured bundle, by no name")
        path = folder / name
        if not path.is_dir():
            raise EdgekitError(f"there is no bundle {name!r} in the folder of [swap]")
        return path

    def _main(self, asked: "_Asked") -> None:
        def step(state: SwapState, digest: str | None = None, detail: str | None = None) -> None:
            _log.info("exchange of the %s for %s: %s %s", asked.kind.value, asked.bundle, state.value, detail or "")
            self._tell(
                SwapMessage(
                    command_id=asked.command_id,
                    model=asked.kind,
                    bundle=asked.bundle,
                    state=state,
                    model_digest=digest,
                    detail=detail,
                    since=datetime.now(timezone.utc),
                )
            )

        kind = self._kinds[asked.kind]
        in_use = kind.in_use
        digest: str | None = None
        new: Any = None
        try:
            usual_ms = in_use.usual_ms  # before another model takes a share of the cores
            step(SwapState.LOADING)
            new = kind.load(asked.path)
            digest = new.digest
            step(SwapState.SHADOW, digest)
            detail = self._compare(kind, new)
            in_use.exchange(new, usual_ms)
            step(SwapState.PROBATION, digest, detail)
            self._watch(in_use)
            failure = in_use.settle()
            step(SwapState.ROLLED_BACK if failure else SwapState.DONE, digest, failure or detail)
        except EdgekitError as exc:
            step(SwapState.REFUSED, digest, str(exc))
        except Exception as exc:  # noqa: BLE001 - the top of a thread: whatever the model did, the old one goes on
            _log.exception("the exchange of the %s for %s failed", asked.kind.value, asked.bundle)
            step(SwapState.REFUSED, digest, f"it failed beside the model in use: {exc}")
        finally:
            in_use.settle()
            new = None
            return_free_memory()

    def _compare(self, kind: Swappable, new: Any) -> str:
        """Let the new model look at what the old one looks at, and return how it did.

        Raises:
            EdgekitError: Nothing came, or it is slower or finds less than it may.
        """
        swap = self._settings
        result = kind.compare(new, Trial(Bounds(swap.shadow_frames, swap.shadow_s), self._stopping))
        if self._stopping.is_set():
            raise EdgekitError("the box stops")
        if result is None and kind.shadow_needed:
            raise EdgekitError(f"no camera gave a picture within {swap.shadow_s:g} s to compare the models on")
        if result is None:
            return f"nothing was looked at within {swap.shadow_s:g} s: it is proved by its self-test alone"
        told = _told(result)
        if result.slower_by > swap.most_slower:
            raise EdgekitError(f"{told}: it may take {swap.most_slower:g} times as long at most, see [swap]")
        if result.agreement is not None and result.agreement < swap.least_agreement:
            raise EdgekitError(f"{told}: it must find {swap.least_agreement:.0%} of that at least, see [swap]")
        return told

    def _watch(self, in_use: InUse[Any]) -> None:
        """Let the probation pass, or roll back a model that is slower than it may be."""
        swap = self._settings
        end_s = time.monotonic() + swap.probation_s
        while time.monotonic() < end_s and in_use.failure is None and not self._stopping.wait(_WATCH_S):
            slower_by = in_use.slower_by(_LEAST_FRAMES)
            if slower_by is not None and slower_by > swap.most_slower:
                in_use.roll_back(
                    f"in use it takes {slower_by:.2f} times as long as the one before it, "
                    f"{swap.most_slower:g} is allowed"
                )


def _told(result: Comparison) -> str:
    found = "nothing to find" if result.agreement is None else f"{result.agreement:.0%} of what the old one found"
    times = f"{result.new_ms:.1f} against {result.old_ms:.1f} ms"
    return f"beside the old model on {result.frames} frames: {times}, {found}"
