"""What the doctor says of a set: findings, each with its pictures, and the report that they make."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal

Severity = Literal["error", "warning"]
Kind = Literal[
    "unreadable",
    "blurred",
    "dark",
    "bright",
    "blank",
    "leak",
    "same-scene",
    "duplicate",
    "no-label-file",
    "no-picture",
    "twins",
    "label-fault",
    "tiny-label",
    "double-label",
    "labelled-differently",
    "contradicted",
    "missing-class",
    "imbalance",
    "stale-description",
]
# An error is a fact that a training or a measurement stumbles over; a warning is an opinion that a person has to share.
SEVERITY: Mapping[Kind, Severity] = MappingProxyType(
    {
        "unreadable": "error",
        "leak": "error",
        "no-label-file": "error",
        "no-picture": "error",
        "twins": "error",
        "label-fault": "error",
        "missing-class": "error",
        "same-scene": "warning",
        "duplicate": "warning",
        "tiny-label": "warning",
        "double-label": "warning",
        "labelled-differently": "warning",
        "contradicted": "warning",
        "blurred": "warning",
        "dark": "warning",
        "bright": "warning",
        "blank": "warning",
        "imbalance": "warning",
        "stale-description": "warning",
    }
)
MEANING: Mapping[Kind, str] = MappingProxyType(
    {
        "unreadable": "files that are no picture, or are cut off",
        "leak": "nearly the same picture in two splits: what is measured was learnt by heart",
        "no-label-file": "pictures that nobody labelled or declared background by an empty label file",
        "no-picture": "label files without their picture",
        "twins": "pictures that would share one label file",
        "label-fault": "label rows that are no label: out of range, without size, of an unknown class",
        "missing-class": "classes that a split does not show: they cannot be learnt, or not be measured",
        "same-scene": "one place or thing in two splits, seen from elsewhere: what is measured may have been learnt",
        "duplicate": "nearly the same picture again within a split: it counts twice and teaches nothing",
        "tiny-label": "labels too small to show anything: a slip of the mouse",
        "double-label": "one thing labelled twice in a picture",
        "labelled-differently": "things that look the same and have different classes",
        "contradicted": "labels that a trained model contradicts",
        "blurred": "pictures without a sharp edge",
        "dark": "pictures in which even the brightest spots are dark",
        "bright": "pictures in which even the darkest spots are bright",
        "blank": "pictures that show nothing",
        "imbalance": "classes with far fewer labels than others",
        "stale-description": "dataset.json does not describe these files",
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or may be.

    Attributes:
        kind: Which.
        pictures: The files that it is about, below the set's folder; the one to look at first, then what it clashes
            with.
        detail: What was found, with figures.
        remedy: How to mend it.
        take_out: Pictures that `--fix` moves to quarantine with their labels, and label files that have no picture;
            empty where that would not mend it.
        marks: Places in the first picture: left, top, right, bottom as shares of its sides.
    """

    kind: Kind
    pictures: tuple[str, ...]
    detail: str
    remedy: str
    take_out: tuple[str, ...] = ()
    marks: tuple[tuple[float, float, float, float], ...] = ()

    @property
    def severity(self) -> Severity:
        """Whether it is an error or a warning."""
        return SEVERITY[self.kind]


@dataclass(frozen=True, slots=True)
class PartCount:
    """What a split holds.

    Attributes:
        split: Its name.
        pictures: Files that look like pictures.
        background: Those of them that an empty label file declares to show nothing.
        labels: Labels by class name, for the classes that the set labels.
    """

    split: str
    pictures: int
    background: int
    labels: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All that the doctor found.

    Attributes:
        name: Of the set.
        folder: Where it lies.
        parts: What each split holds.
        findings: Errors first, then by kind and picture.
    """

    name: str
    folder: str
    parts: tuple[PartCount, ...]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(finding.severity == "error" for finding in self.findings)

    def of_kind(self, kind: Kind) -> list[Finding]:
        """Return the findings of a kind."""
        return [finding for finding in self.findings if finding.kind == kind]

    @property
    def kinds(self) -> list[Kind]:
        """The kinds that were found, errors first."""
        return [kind for kind in SEVERITY if self.of_kind(kind)]

    def as_record(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        findings = [{**asdict(finding), "severity": finding.severity} for finding in self.findings]
        return {**asdict(self), "findings": findings, "errors": self.errors}
