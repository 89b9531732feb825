"""What the classifier said of one picture, beside what is on it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """What was said of one picture.

    Attributes:
        file: Its name.
        shown: The product on it, None for something that was never learnt.
        told: The product that was said, None for unknown.
        likeliest: The product of the highest score, said or not.
        score: Of that one.
        category: That was said, None for unknown.
    """

    file: str
    shown: str | None
    told: str | None
    likeliest: str
    score: float
    category: str | None

    @property
    def is_right(self) -> bool:
        """Whether what is on it was said, or, where that was never learnt, that it is unknown."""
        return self.told == self.shown
