"""What a consumer's acknowledgements and effects are held against; knows no broker and no clock."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from pydantic import BaseModel, ValidationError

from edge.mqtt.messages import AcknowledgementMessage

Lane = tuple[str, str]  # camera and epoch


class Rule(str, Enum):
    """What a consumer has to keep; the name of a rule that was broken is the name of the fault."""

    NOT_ACKNOWLEDGED = "not_acknowledged"  # what is whole has to be acknowledged, cumulatively, in time
    BEYOND_GAP = "beyond_gap"  # nothing may be acknowledged that was not sent, nor what lies behind something missing
    OTHER_EPOCH = "other_epoch"  # an acknowledgement names the epoch of the events that it is about
    RETAINED_EVENT = "retained_event"  # an event that the broker kept is none of the box's
    MALFORMED = "malformed"  # {"epoch": …, "upto": …} or a plain integer
    RETAINED_NUMBER = "retained_number"  # a plain integer must not be retained: nobody can tell of which epoch it is
    EFFECT_TWICE = "effect_twice"  # an event has effect once, however often it comes
    EFFECT_MISSING = "effect_missing"  # what was acknowledged has had its effect, before it was acknowledged
    EFFECT_UNKNOWN = "effect_unknown"  # nothing has effect that was not sent


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that was broken, in which scenario, and what was seen."""

    rule: Rule
    scenario: str
    detail: str


class Judge:
    """Holds what a consumer says against what was sent to it.

    Args:
        reports_in_order: The consumer's effects are heard of before the acknowledgements that they belong to.

    Attributes:
        faults: Rules that were broken, each once a scenario.
        reports: Whether the consumer reports its effects.
    """

    def __init__(self, *, reports_in_order: bool = False) -> None:
        self.faults: list[Fault] = []
        self.reports = reports_in_order
        self._reports_in_order = reports_in_order
        self._scenario = ""
        self._epoch = ""
        self._sent: dict[Lane, set[int]] = {}
        self._settled: dict[Lane, set[int]] = {}
        self._acknowledged: dict[Lane, int] = {}
        self._stale: set[str] = set()
        self._effects: Counter[tuple[str, str, int]] = Counter()

    def begin(self, scenario: str, epoch: str) -> None:
        """Begin a scenario; all that is said from now on is about this epoch."""
        self._scenario, self._epoch = scenario, epoch
        self._stale.clear()

    def sent(self, camera: str, seq: int, lost: Iterable[int] = ()) -> None:
        """Note that an event goes out, and which others it tells as lost."""
        lane = (camera, self._epoch)
        self._sent.setdefault(lane, set()).add(seq)
        self._settled.setdefault(lane, set()).update({seq, *lost})

    def upto(self, camera: str) -> int:
        """Return how far the consumer has acknowledged a camera in the present epoch."""
        return self._acknowledged.get((camera, self._epoch), 0)

    def whole(self, camera: str) -> int:
        """Return the last seq of a camera before which nothing is missing."""
        settled, upto = self._settled.get((camera, self._epoch), set[int]()), 0
        while upto + 1 in settled:
            upto += 1
        return upto

    def acknowledged(self, camera: str, payload: bytes, *, kept: bool = False) -> None:
        """Take an acknowledgement.

        Args:
            camera: Of its topic.
            payload: As it came.
            kept: Whether the broker had kept it.
        """
        claim = _claim(payload)
        if claim is None:
            return self._fault(Rule.MALFORMED, f"camera {camera}: {payload[:80]!r}")
        epoch, upto = claim
        if epoch is None and kept:
            return self._fault(Rule.RETAINED_NUMBER, f"camera {camera}: {upto}")
        if not any(known == camera for known, _ in self._sent):
            return self._fault(Rule.RETAINED_EVENT, f"camera {camera} has sent nothing but an event that was retained")
        if epoch not in (None, self._epoch):
            self._stale.add(camera)
            if (camera, epoch) not in self._sent:
                self._fault(Rule.OTHER_EPOCH, f"camera {camera}: there never was an epoch {epoch}")
            return None
        if upto > self.whole(camera):
            return self._fault(Rule.BEYOND_GAP, f"camera {camera}: up to {upto}, whole up to {self.whole(camera)}")
        if self._reports_in_order:
            self._check_effects(camera, upto)
        self._acknowledged[camera, self._epoch] = max(self.upto(camera), upto)
        return None

    def effect(self, report: bytes) -> None:
        """Take a report of an effect: {"camera": …, "epoch": …, "seq": …}."""
        self.reports = True
        try:
            told = _Report.model_validate_json(report)
        except ValidationError:
            return self._fault(Rule.MALFORMED, f"an effect: {report[:80]!r}")
        place = (told.camera, told.epoch, told.seq)
        self._effects[place] += 1
        if not any(known == place[0] for known, _ in self._sent):
            return self._fault(Rule.RETAINED_EVENT, _spelled(place))
        if place[2] not in self._sent.get(place[:2], ()):
            return self._fault(Rule.EFFECT_UNKNOWN, _spelled(place))
        if self._effects[place] > 1:
            self._fault(Rule.EFFECT_TWICE, _spelled(place))
        return None

    def settle(self) -> None:
        """End a scenario: what was acknowledged must have had its effect by now."""
        for camera, epoch in self._acknowledged:
            if epoch == self._epoch:
                self._check_effects(camera, self.upto(camera))

    def overdue(self, camera: str) -> None:
        """Note that a camera's whole events were not acknowledged in time."""
        detail = f"camera {camera}: up to {self.upto(camera)}, whole up to {self.whole(camera)}"
        rule = Rule.OTHER_EPOCH if camera in self._stale else Rule.NOT_ACKNOWLEDGED
        self._fault(rule, detail)

    def _check_effects(self, camera: str, upto: int) -> None:
        if not self.reports:
            return
        lane = (camera, self._epoch)
        missing = [seq for seq in sorted(self._sent[lane]) if seq <= upto and not self._effects[(*lane, seq)]]
        if missing:
            self._fault(Rule.EFFECT_MISSING, f"camera {camera}: {missing[0]} as {upto} was acknowledged")

    def _fault(self, rule: Rule, detail: str) -> None:
        if not any((fault.rule, fault.scenario) == (rule, self._scenario) for fault in self.faults):
            self.faults.append(Fault(rule, self._scenario, detail))


class _Report(BaseModel):
    """A tested consumer's word of an effect; what else it says does not count."""

    camera: str
    epoch: str
    seq: int


def _claim(payload: bytes) -> tuple[str | None, int] | None:
    """Return epoch and seq that an acknowledgement names; None where it is none."""
    try:
        content = json.loads(payload)
        if isinstance(content, int) and not isinstance(content, bool) and content >= 0:
            return None, content
        message = AcknowledgementMessage.model_validate(content)
    except (ValueError, RecursionError, ValidationError):
        return None
    return message.epoch, message.upto


def _spelled(place: tuple[str, str, int]) -> str:
    return f"camera {place[0]}: {place[2]} of epoch {place[1]}"
