"""What each split holds of each class: what is missing, and what is rare beside the rest."""

from collections import Counter
from collections.abc import Iterator, Sequence

from edge.evaluate.dataset import ALL_SPLITS, SPLITS, DetectionSet
from train.check.findings import Finding, PartCount
from train.check.limits import CheckLimits
from train.check.look import Look


def count_parts(opened: DetectionSet, looks: Sequence[Look]) -> tuple[PartCount, ...]:
    """Return what each split holds that has any picture."""
    classes = opened.description.classes
    parts: list[PartCount] = []
    for split in ALL_SPLITS:
        of_split = [look for look in looks if look.split == split]
        found = Counter(classes[label.class_id] for look in of_split for label in look.labels or ())
        background = sum(look.labels == () and not look.label_faults for look in of_split)
        labels = {name: found[name] for name in opened.description.labelled}
        if of_split:
            parts.append(PartCount(split, len(of_split), background, labels))
    return tuple(parts)


def balance_findings(parts: Sequence[PartCount], limits: CheckLimits) -> Iterator[Finding]:
    """Yield classes that a split lacks, splits that are empty, and classes that are rare in the training part."""
    present = {part.split: part for part in parts}
    for split in SPLITS:
        if split not in present:
            remedy = "split the pictures anew: `edgekit data split`"
            yield Finding("missing-class", (), f"images/{split} holds no picture at all", remedy)
    for part in parts:
        missing = [name for name, count in part.labels.items() if count == 0]
        use = "it cannot be learnt" if part.split == "train" else "it cannot be measured"
        for name in missing:
            remedy = "add pictures of it, split anew with `edgekit data split`, or take it out of `labelled`"
            yield Finding("missing-class", (), f"no {name} in {part.split}: {use}", remedy)
    counts = {name: count for name, count in present["train"].labels.items() if count} if "train" in present else {}
    most = max(counts, key=lambda name: counts[name], default=None)
    for name, count in counts.items():
        if most is not None and count * limits.imbalance < counts[most]:
            detail = f"{count} labels of {name} in train beside {counts[most]} of {most}"
            yield Finding("imbalance", (), detail, "add pictures of it, or render some: `edgekit data synth`")
