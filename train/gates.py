"""How sure a teacher has to be: two gates make three kinds of detections.

From the upper gate on they become labels; below the lower one they are nothing; between them the teacher does not know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from devices.errors import EdgekitError

SURE = 0.6


@dataclass(frozen=True, slots=True)
class Gates:
    """From which score on a detection is a label, and below which it is nothing.

    Attributes:
        sure: The upper gate, 0 to 1.
        doubt: The lower gate; between the two the teacher does not know.
        most_doubts: A picture is left out where more than this share of what was found is doubtful.
        by_class: Upper gates of single classes.
    """

    sure: float = SURE
    doubt: float = 0.25
    most_doubts: float = 0.3
    by_class: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        """Refuse gates in the wrong order.

        Raises:
            EdgekitError: A gate is no score, or an upper one lies below the lower one.
        """
        for upper in (self.sure, *self.by_class.values()):
            if not 0 < self.doubt <= upper <= 1:
                raise EdgekitError(f"the gates are scores, 0 < doubt <= score <= 1, not {self.doubt} and {upper}")

    @classmethod
    def read(cls, texts: Sequence[str], doubt: float, most_doubts: float) -> "Gates":
        """Return gates from what a command was given: `0.6` for all classes, `carton=0.7` for one.

        Raises:
            EdgekitError: A text is neither, or the gates are in the wrong order.
        """
        sure, by_class = SURE, dict[str, float]()
        for text in texts:
            name, _, number = text.rpartition("=")
            try:
                value = float(number)
            except ValueError as exc:
                raise EdgekitError(f"a gate is a score or CLASS=SCORE, not {text!r}") from exc
            if name:
                by_class[name] = value
            else:
                sure = value
        return cls(sure, doubt, most_doubts, by_class)

    def of(self, name: str) -> float:
        """Return the upper gate of a class."""
        return self.by_class.get(name, self.sure)
