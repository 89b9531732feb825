"""Threads that look at crops beside the cameras' lanes: crops of all cameras in, looks out, and nobody waits for them.

A classifier is one such stage, the reader of printed fields another. Crops are taken one by one, first come first
served; each lane has a bounded number on their way, so that no camera can fill the queue for the others.
"""

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Generic, TypeVar

from edge.tags.crops import Crop, FieldCrop, Look

_log = logging.getLogger(__name__)

_TAKE_S = 0.2
_RECENT_S = 60.0
Answer = Callable[[Look], None]
AskedCrop = TypeVar("AskedCrop", Crop, FieldCrop)


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears of a stage.

    Attributes:
        answered: Called after each answer, since a camera may have waited for it.
        fail: Called with what a lane failed with as it heard an answer.
        beat: Called with a thread's name as long as that goes on, a few times a second.
    """

    answered: Callable[[], None]
    fail: Callable[[BaseException], None]
    beat: Callable[[str], None]


class LookStage(Generic[AskedCrop]):
    """Looks at crops from `start` to `stop`.

    Args:
        name: Of its threads.
        threads: How many crops are looked at at the same time.
        see: Returns all that is sure of a crop.
        niceness: By which its threads stand back behind all others of the process.

    Attributes:
        name: Of its threads.
        looks: Crops that were looked at.
        failed: Crops on which `see` failed.
    """

    def __init__(self, name: str, threads: int, see: Callable[[AskedCrop], Look], niceness: int = 0) -> None:
        self.name = name
        self._count = threads
        self._see = see
        self._niceness = niceness
        self._asked: Queue[tuple[AskedCrop, Answer]] = Queue()
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self.looks = 0
        self.failed = 0
        self._failed_s = -math.inf

    @property
    def fails(self) -> bool:
        """Whether seeing has failed just now."""
        return time.monotonic() - self._failed_s < _RECENT_S

    def start(self, listener: Listener) -> None:
        """Begin to look."""
        for number in range(self._count):
            name = f"{self.name}-{number}"
            self._threads.append(threading.Thread(target=self._work, args=(listener,), name=name, daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float) -> None:
        """Finish the crops at hand; those that wait are not answered any more."""
        self._ended.set()
        for thread in self._threads:
            thread.join(timeout_s)

    def ask(self, crop: AskedCrop, answer: Answer) -> None:
        """Have a crop looked at; `answer` is called with what was seen, in a thread of this stage."""
        self._asked.put((crop, answer))

    def _work(self, listener: Listener) -> None:
        name = threading.current_thread().name
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + self._niceness)
        while not self._ended.is_set():
            listener.beat(name)
            try:
                crop, answer = self._asked.get(timeout=_TAKE_S)
            except Empty:
                continue
            try:
                answer(self._look(crop))
            except BaseException as exc:  # noqa: BLE001 - the top of a thread: one stage that fails ends the run
                _log.exception("what %s saw could not be heard", name)
                listener.fail(exc)
                return
            listener.answered()

    def _look(self, crop: AskedCrop) -> Look:
        """Return what is sure of a crop; nothing, where seeing fails: the event goes out without."""
        try:
            look = self._see(crop)
        except Exception:  # noqa: BLE001 - whatever the model did
            self.failed += 1
            self._failed_s = time.monotonic()
            if self.failed == 1:
                _log.exception("%s failed on a crop; later failures are only counted", self.name)
            return crop.seen(())
        self.looks += 1
        return look
