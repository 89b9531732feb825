"""The whole examination of a set: one look at each picture, then every check."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from devices.errors import EdgekitError
from edge.evaluate.dataset import ALL_SPLITS, DESCRIPTION, DetectionSet, read_description
from edge.model.detector import Detector
from train.check.balance import balance_findings, count_parts
from train.check.cutouts import naming_findings
from train.check.doubles import double_findings, find_ties
from train.check.files import file_findings
from train.check.findings import SEVERITY, CheckReport, Finding
from train.check.label_shapes import label_findings
from train.check.light import light_findings
from train.check.limits import CheckLimits
from train.check.look import Look, look_at_all
from train.check.second_opinion import opinion_findings
from train.sets import digest_of

_OF_BALANCE = ("missing-class", "imbalance")


@dataclass(frozen=True, slots=True)
class Examination:
    """A set, what was seen of it, and what is to be said of it.

    Attributes:
        opened: The set.
        looks: At each of its pictures.
        limits: Where the lines were drawn.
        report: What was found, of the kinds that were asked for.
        kinds: Those.
    """

    opened: DetectionSet
    looks: tuple[Look, ...]
    limits: CheckLimits
    report: CheckReport
    kinds: Container[str]

    def only(self, kinds: Container[str]) -> "Examination":
        """Return the same with findings of these kinds alone."""
        findings = tuple(finding for finding in self.report.findings if finding.kind in kinds)
        return replace(self, kinds=kinds, report=replace(self.report, findings=findings))

    def without(self, taken_out: Container[str]) -> CheckReport:
        """Return the report of the set without the pictures that were taken out, and what these findings were about.

        What each split holds is counted anew: a class may be missing now.
        """
        left = [look for look in self.looks if look.name not in taken_out]
        parts = count_parts(self.opened, left)
        findings = [
            finding
            for finding in self.report.findings
            if finding.kind not in (*_OF_BALANCE, "stale-description")
            and not any(name in taken_out for name in (finding.take_out or finding.pictures))
        ]
        findings += [finding for finding in balance_findings(parts, self.limits) if finding.kind in self.kinds]
        return replace(self.report, parts=parts, findings=_in_order(findings))


def open_for_check(folder: Path) -> DetectionSet:
    """Open a set with all its faults, two pictures that share a label file among them.

    Raises:
        EdgekitError: `dataset.json` is missing or not valid, or no split holds a picture.
    """
    opened = DetectionSet(folder, read_description(folder))
    if not any(opened.pictures(split) for split in ALL_SPLITS):
        raise EdgekitError(f"{folder} holds no picture below images/train, images/val or images/test")
    return opened


def examine(
    opened: DetectionSet,
    limits: CheckLimits,
    detector: Detector | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Examination:
    """Examine a set.

    Args:
        opened: The set.
        limits: Where to draw the lines.
        detector: Whose opinion to ask, too.
        advance: Called with steps as they are done: two for each picture, three with a detector.

    Raises:
        EdgekitError: The set has other classes than the detector.
    """
    classes = opened.description.classes
    if detector is not None and detector.classes != classes:
        raise EdgekitError(f"{opened.folder} has the classes {classes}, the model {detector.classes}")
    looks = look_at_all(opened, lambda: advance(1))
    seen = [look for look in looks if look.view is not None]
    views = [look.view for look in looks if look.view is not None]
    ties = find_ties(views, limits, advance)
    advance(len(looks) - len(seen))
    parts = count_parts(opened, looks)
    cutouts = [(look.name, cut) for look, view in zip(seen, views, strict=True) for cut in view.cutouts]
    findings = chain(
        file_findings(opened, looks),
        (
            finding
            for look, view in zip(seen, views, strict=True)
            for finding in light_findings(look.name, view.light, limits)
        ),
        (finding for look in seen for finding in label_findings(look, classes, limits)),
        double_findings(seen, ties),
        naming_findings(cutouts, classes, limits),
        balance_findings(parts, limits),
        _stale(opened),
        opinion_findings(opened, looks, detector, limits, lambda: advance(1)) if detector is not None else (),
    )
    report = CheckReport(opened.description.name, str(opened.folder), parts, _in_order(findings))
    return Examination(opened, tuple(looks), limits, report, SEVERITY)


def _in_order(findings: "chain[Finding] | Sequence[Finding]") -> tuple[Finding, ...]:
    kinds = list(SEVERITY)
    return tuple(sorted(findings, key=lambda finding: kinds.index(finding.kind)))


def _stale(opened: DetectionSet) -> list[Finding]:
    if opened.description.digest == digest_of(opened.folder):
        return []
    detail = "its digest is not that of the pictures and labels that lie here"
    remedy = "get the set again, or take it as it is: --fix describes it anew"
    return [Finding("stale-description", (DESCRIPTION,), detail, remedy)]
