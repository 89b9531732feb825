"""Draws events at random and keeps their crops until a person has said what is on them, each of them once."""

import logging
import random
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from devices.errors import EdgekitError
from edge.audit.section import Audit
from edge.audit.tally import Answered, Counts, Tally, Verdict
from edge.hard_cases.keeper import CaseCrop, crop_of_case, jpeg_of
from edge.identifiers import uuid7
from edge.tags.events import EventKind, TagEvent

_log = logging.getLogger(__name__)

_DRAWS = random.SystemRandom()
KeepAnswer = Callable[[TagEvent, CaseCrop, dict[str, str]], None]


class UnknownCaseError(EdgekitError):
    """What is answered about does not wait for an answer."""


class OtherAnswerError(EdgekitError):
    """Another answer was given before."""


@dataclass(frozen=True, slots=True, eq=False)
class AuditCase:
    """An event that waits for a person.

    Attributes:
        id: New for each.
        event: Without its picture.
        crop: What it was decided on.
    """

    id: str
    event: TagEvent
    crop: CaseCrop

    @property
    def told(self) -> bool:
        """Whether the box told something, rather than that nothing could be read."""
        return self.event.kind is not EventKind.NO_READ


class AuditDesk:
    """Where people answer. May be used from any thread.

    Args:
        settings: How many events are drawn, and where answers are counted.
        keep: Takes what a person has judged, for the next training; None where nothing is kept.
        draw: Returns a number from 0 to 1, 1 excluded.

    Raises:
        EdgekitError: The file of answers cannot be used.
    """

    def __init__(
        self,
        settings: Audit,
        keep: KeepAnswer | None,
        draw: Callable[[], float] = _DRAWS.random,
    ) -> None:
        self._settings = settings
        self._keep = keep
        self._draw = draw
        self._tally = Tally(settings.state)
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, AuditCase] = OrderedDict()
        self.drawn = 0
        self.given_way = 0

    @property
    def waiting(self) -> tuple[AuditCase, ...]:
        """What waits for an answer, newest first."""
        with self._lock:
            return tuple(reversed(self._waiting.values()))

    @property
    def counts(self) -> Mapping[str, Counts]:
        """Answers by camera."""
        with self._lock:
            return self._tally.cameras

    def offer(self, events: Sequence[TagEvent], bare: Sequence[TagEvent]) -> None:
        """Draw among events, and keep the crops of those that were drawn.

        Args:
            events: With what they were decided on.
            bare: The same without.
        """
        for event, kept in zip(events, bare, strict=True):
            if event.evidence is None or self._draw() * self._settings.one_in >= 1:
                continue
            number = str(uuid7(int(datetime.now(timezone.utc).timestamp() * 1000)))
            case = AuditCase(number, kept, crop_of_case(event.evidence))
            with self._lock:
                self.drawn += 1
                self._waiting[number] = case
                if len(self._waiting) > self._settings.most_waiting:
                    self._waiting.popitem(last=False)
                    self.given_way += 1

    def picture(self, number: str) -> bytes | None:
        """Return a waiting case's crop as JPEG, None where it does not wait."""
        with self._lock:
            case = self._waiting.get(number)
        return jpeg_of(case.crop) if case is not None else None

    def answer(self, number: str, verdict: Verdict, correct: Mapping[str, str]) -> bool:
        """Count what a person says of a case; return whether the same was said before, and this counts nothing.

        Raises:
            UnknownCaseError: It does not wait.
            OtherAnswerError: Something else was said of it before.
            EdgekitError: The answer cannot be written down; the case goes on waiting.
        """
        said = Answered(id=number, verdict=verdict, correct=dict(correct))
        with self._lock:
            before = self._tally.answer_to(number)
            if before is not None:
                if before == said:
                    return True
                raise OtherAnswerError(f"this was answered already: {before.verdict.value}")
            case = self._waiting.get(number)
            if case is None:
                raise UnknownCaseError("this does not wait for an answer any more")
            self._tally.count(said, case.event.camera, case.event.model_digest, told=case.told)
            del self._waiting[number]
        _log.info("audit: %s of camera %s was told %s", case.event.kind.value, case.event.camera, verdict.value)
        if self._keep is not None and verdict is not Verdict.UNSURE:
            self._keep(case.event, case.crop, dict(correct) or _as_told(case.event, verdict))
        return False


def _as_told(event: TagEvent, verdict: Verdict) -> dict[str, str]:
    """Return the tags of an event that a person confirmed; nothing of one that is wrong."""
    return {tag.key: tag.value for tag in event.tags} if verdict is Verdict.RIGHT else {}
