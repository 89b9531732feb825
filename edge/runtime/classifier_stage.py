"""The classifier's own threads: crops of all cameras in, looks out, and nobody waits for either.

Crops are taken one by one through idle requests, first come first served; each lane has a bounded number on their way,
so that no camera can fill the queue for the others.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Queue

from edge.model.classifier import Classifier
from edge.model.gallery import Gallery
from edge.tags.crops import Crop, Look
from edge.tags.said import said_of

_log = logging.getLogger(__name__)

_TAKE_S = 0.2
Answer = Callable[[Look], None]


@dataclass(frozen=True, slots=True)
class _Asked:
    crop: Crop
    answer: Answer


class ClassifierStage:
    """Looks at crops from `start` to `stop`.

    Args:
        classifier: Shared by all cameras.
        gallery: Of products that it has not learnt, None where there is none.
        answered: Called after each answer, since a camera may have waited for it.
        fail: Called with what a lane failed with as it heard an answer.
        beat: Called with a thread's name as long as that goes on, a few times a second.
    """

    def __init__(
        self,
        classifier: Classifier,
        gallery: Gallery | None,
        answered: Callable[[], None],
        fail: Callable[[BaseException], None],
        beat: Callable[[str], None],
    ) -> None:
        self._classifier = classifier
        self._gallery = gallery
        self._answered = answered
        self._fail = fail
        self._beat = beat
        self._asked: Queue[_Asked] = Queue()
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"classifier-{number}", daemon=True)
            for number in range(classifier.info.requests)
        ]
        self.looks = 0
        self.failed = 0

    def start(self) -> None:
        """Begin to look."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float) -> None:
        """Finish the crops at hand; those that wait are not answered any more."""
        self._ended.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout_s)

    def ask(self, crop: Crop, answer: Answer) -> None:
        """Have a crop looked at; `answer` is called with what was seen, in a thread of this stage."""
        self._asked.put(_Asked(crop, answer))

    def _work(self) -> None:
        name = threading.current_thread().name
        while not self._ended.is_set():
            self._beat(name)
            try:
                asked = self._asked.get(timeout=_TAKE_S)
            except Empty:
                continue
            try:
                asked.answer(self._look(asked.crop))
            except BaseException as exc:  # noqa: BLE001 - the top of a thread: one stage that fails ends the run
                _log.exception("what the classifier saw could not be heard")
                self._fail(exc)
                return
            self._answered()

    def _look(self, crop: Crop) -> Look:
        """Return what is sure of a crop; nothing, where the classifier fails on it: the event goes out without."""
        try:
            said = said_of(self._classifier.classify(crop.image), self._classifier.taxonomy, self._gallery)
        except Exception:  # noqa: BLE001 - whatever the model did
            self.failed += 1
            if self.failed == 1:
                _log.exception("the classifier failed on a crop; later failures are only counted")
            return Look(crop.zone, crop.number, ())
        self.looks += 1
        return Look(crop.zone, crop.number, said)
