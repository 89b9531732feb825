"""Exchanges the model of a running box: verified, proved, compared on live frames, and taken back where it fails.

All of it happens in a thread of its own, so that neither cameras nor commands wait: what becomes of it is told step by
step. Memory holds both models from loading to the end of the probation, then the old one is let go. An exchange lasts
until the next start, which takes the bundle at the configured path.
"""

import ctypes
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.config import BoxConfig
from edge.model.bundle import open_bundle
from edge.model.detections import Detections
from edge.mqtt.messages import SwapMessage, SwapState
from edge.runtime.classifying import check_crop_classes
from edge.runtime.loading import load_for_box
from edge.runtime.looking import check_fields
from edge.runtime.model_in_use import LoadedModel, ModelInUse
from edge.runtime.shadow import Bounds, Comparison, Shadow
from edge.tags.shelf_checks import check_classes

_log = logging.getLogger(__name__)

_WATCH_S = 0.05
_LEAST_FRAMES = 20  # of a model on probation, before its speed is judged


@dataclass(frozen=True, slots=True)
class _Asked:
    command_id: str
    bundle: str
    path: Path


class ModelSwap:
    """Carries out one exchange at a time.

    Args:
        config: The box; its zones must know their classes in the new model too.
        model: Shared with the workers.
        tell: Called at each step, from this object's own thread; the model in use is by then what the step says.
    """

    def __init__(self, config: BoxConfig, model: ModelInUse, tell: Callable[[SwapMessage], None]) -> None:
        self._config = config
        self._model = model
        self._tell = tell
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, command_id: str, name: str | None) -> None:
        """Begin an exchange and return at once.

        Args:
            command_id: Of the command that asks for it.
            name: Path of a bundle below the folder that the configuration names, None for the configured path.

        Raises:
            EdgekitError: One is under way, or there is no such folder.
        """
        if self._thread is not None and self._thread.is_alive():
            raise EdgekitError("a model is being exchanged already: wait until the status says done or refused")
        path = self._path(name)
        asked = _Asked(command_id, name or str(path), path)
        self._thread = threading.Thread(target=self._main, args=(asked,), name="model-swap", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Break off what is under way; a model on probation stays in use."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _path(self, name: str | None) -> Path:
        if name is None:
            return self._config.bundle.path
        folder = self._config.swap.folder
        if folder is None:
            raise EdgekitError("the configuration names no folder in [swap]: ask for the configured bundle, by no name")
        path = folder / name
        if not path.is_dir():
            raise EdgekitError(f"there is no bundle {name!r} in the folder of [swap]")
        return path

    def _main(self, asked: "_Asked") -> None:
        def step(state: SwapState, digest: str | None = None, detail: str | None = None) -> None:
            _log.info("exchange of the model for %s: %s %s", asked.bundle, state.value, detail or "")
            now = datetime.now(timezone.utc)
            self._tell(
                SwapMessage(
                    command_id=asked.command_id,
                    bundle=asked.bundle,
                    state=state,
                    model_digest=digest,
                    detail=detail,
                    since=now,
                )
            )

        digest: str | None = None
        new: LoadedModel | None = None
        try:
            usual_ms = self._model.usual_ms  # before another model takes a share of the cores
            step(SwapState.LOADING)
            new = self._model.as_set(self._load(asked.path))
            digest = new.digest
            step(SwapState.SHADOW, digest)
            detail = self._compare(new)
            self._model.exchange(new, usual_ms)
            step(SwapState.PROBATION, digest, detail)
            self._watch()
            failure = self._model.settle()
            step(SwapState.ROLLED_BACK if failure else SwapState.DONE, digest, failure or detail)
        except EdgekitError as exc:
            step(SwapState.REFUSED, digest, str(exc))
        except Exception as exc:  # noqa: BLE001 - the top of a thread: whatever the model did, the old one goes on
            _log.exception("the exchange of the model for %s failed", asked.bundle)
            step(SwapState.REFUSED, digest, f"it failed beside the model in use: {exc}")
        finally:
            self._model.settle()
            new = None
            _give_back_memory()

    def _load(self, path: Path) -> LoadedModel:
        """Return the verified and proved model of a bundle.

        Raises:
            EdgekitError: It cannot be trusted, loaded or used in this box.
        """
        config = self._config
        bundle = open_bundle(path, config.bundle.trusted_keys)
        if bundle.digest == self._model.current.digest:
            raise EdgekitError("this very bundle is in use already")
        for camera in config.cameras:
            for shelf in camera.shelves:
                check_classes(camera.name, shelf, bundle.manifest.classes)
        check_crop_classes(config, bundle.manifest.classes)
        check_fields(config, bundle.manifest.classes)
        detector = load_for_box(config, bundle)
        return LoadedModel.of(bundle, detector, self._model.current.classes)

    def _compare(self, new: LoadedModel) -> str:
        """Let the new model look at live frames beside the old one, and return how it did.

        Raises:
            EdgekitError: No frame came, or it is slower or finds less than it may.
        """
        swap = self._config.swap
        old = self._model.current
        common = np.intersect1d(old.run_ids, new.run_ids).astype(np.int32)
        shadow = Shadow()
        self._model.shadow = shadow
        try:
            result = shadow.compare(
                lambda image: _look(new, image), common, Bounds(swap.shadow_frames, swap.shadow_s), self._stopping
            )
        finally:
            self._model.shadow = None
        if self._stopping.is_set():
            raise EdgekitError("the box stops")
        if result is None:
            raise EdgekitError(f"no camera gave a picture within {swap.shadow_s:g} s to compare the models on")
        told = _told(result)
        if result.slower_by > swap.most_slower:
            raise EdgekitError(f"{told}: it may take {swap.most_slower:g} times as long at most, see [swap]")
        if result.agreement is not None and result.agreement < swap.least_agreement:
            raise EdgekitError(f"{told}: it must find {swap.least_agreement:.0%} of that at least, see [swap]")
        return told

    def _watch(self) -> None:
        """Let the probation pass, or roll back a model that is slower than it may be."""
        swap = self._config.swap
        end_s = time.monotonic() + swap.probation_s
        while time.monotonic() < end_s and self._model.failure is None and not self._stopping.wait(_WATCH_S):
            slower_by = self._model.slower_by(_LEAST_FRAMES)
            if slower_by is not None and slower_by > swap.most_slower:
                self._model.roll_back(
                    f"in use it takes {slower_by:.2f} times as long as the one before it, "
                    f"{swap.most_slower:g} is allowed"
                )


def _give_back_memory() -> None:
    """Let the C library return to the system what the model that was let go has left free in its heaps."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)


def _look(model: LoadedModel, image: NDArray[np.uint8]) -> tuple[Detections, float]:
    tensor, letterbox = model.detector.prepare(image)
    began = time.monotonic()
    outputs = model.detector.infer(tensor)
    took_ms = (time.monotonic() - began) * 1000
    return model.decode(outputs, letterbox), took_ms


def _told(result: Comparison) -> str:
    found = "nothing to find" if result.agreement is None else f"{result.agreement:.0%} of what the old one found"
    times = f"{result.new_ms:.1f} against {result.old_ms:.1f} ms"
    return f"beside the old model on {result.frames} frames: {times}, {found}"
