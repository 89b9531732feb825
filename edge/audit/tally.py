"""The counts of answers, by camera and for one model, on disk after each answer."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeInt, ValidationError

from devices.errors import EdgekitError
from devices.validation import explain
from edge.audit.figures import Share, share
from edge.durable import write_whole
from edge.mqtt.wire import WireModel

_MOST_ANSWERED = 1000


class Verdict(str, Enum):
    """What a person says of an event."""

    RIGHT = "right"  # it told what is there, or, of a no-read, there was nothing to read
    WRONG = "wrong"  # it told something else, or, of a no-read, a person can read the code
    UNSURE = "unsure"


class Counts(WireModel):
    """Answers about one camera."""

    told_right: NonNegativeInt = 0
    told_wrong: NonNegativeInt = 0
    unread_right: NonNegativeInt = 0
    unread_wrong: NonNegativeInt = 0
    unsure: NonNegativeInt = 0

    def with_answer(self, verdict: Verdict, *, told: bool) -> "Counts":
        """Return the counts with one answer more, about an event that told something, or about a no-read."""
        kind = "told" if told else "unread"
        name = "unsure" if verdict is Verdict.UNSURE else f"{kind}_{verdict.value}"
        return self.model_copy(update={name: getattr(self, name) + 1})

    @property
    def precision(self) -> Share | None:
        """Of the events that told something, those that told what is there; None before the first answer."""
        of = self.told_right + self.told_wrong
        return share(self.told_right, of) if of else None

    @property
    def read_accuracy(self) -> Share | None:
        """Of all that a person can read, what the box read and told right; None before the first answer."""
        of = self.told_right + self.told_wrong + self.unread_wrong
        return share(self.told_right, of) if of else None


class Answered(WireModel):
    """An event that was answered."""

    id: str
    verdict: Verdict
    correct: Mapping[str, str]


class TallyState(WireModel):
    """The file."""

    schema_id: Literal["edgekit.audit/1"] = Field(
        default="edgekit.audit/1", validation_alias="schema", serialization_alias="schema"
    )
    model: str | None = Field(default=None, description="digest of the bundle that the events are of")
    cameras: Mapping[str, Counts] = Field(default_factory=dict[str, Counts])
    answered: tuple[Answered, ...] = Field(default=(), description="the last ones: what comes twice counts once")


class Tally:
    """Counts answers. Used under its owner's lock.

    Args:
        path: The file; made with the first answer.

    Raises:
        EdgekitError: What stands there is no tally.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state = _read(path)

    @property
    def cameras(self) -> Mapping[str, Counts]:
        """Counts by camera, of the model that was answered about last."""
        return self._state.cameras

    def answer_to(self, event_id: str) -> Answered | None:
        """Return what was answered about an event, None where nothing was, or long ago."""
        return next((one for one in self._state.answered if one.id == event_id), None)

    def count(self, answered: Answered, camera: str, model: str | None, *, told: bool) -> None:
        """Count an answer; one about another model than those before begins anew.

        Raises:
            EdgekitError: It cannot be written down, and does not count.
        """
        before = self._state.cameras if model == self._state.model else {}
        counts = before.get(camera, Counts()).with_answer(answered.verdict, told=told)
        state = TallyState(
            model=model,
            cameras={**before, camera: counts},
            answered=(*self._state.answered, answered)[-_MOST_ANSWERED:],
        )
        try:
            write_whole(self._path, state.to_json().encode(), 0o600)
        except OSError as exc:
            raise EdgekitError(
                f"the answer cannot be written to {self._path} ({exc.strerror}): make room there"
            ) from exc
        self._state = state


def _read(path: Path) -> TallyState:
    try:
        return TallyState.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return TallyState()
    except OSError as exc:
        raise EdgekitError(f"{path} cannot be read ({exc.strerror}): check state in [audit]") from exc
    except ValidationError as exc:
        raise EdgekitError(
            f"{path} holds no answers of an audit ({explain(exc, TallyState)}): check state in [audit], or remove it"
        ) from exc
