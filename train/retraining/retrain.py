"""A champion's next release, or the reason why there is none."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from devices.errors import EdgekitError
from edge.evaluate.openings import record_opening
from edge.evaluate.tagged_set import TaggedSet
from edge.model.assemble_classifier import assemble_classifier
from edge.model.bundle import ClassifierBundle
from edge.model.classifier import load_classifier
from edge.model.model_files import BundleParts
from train.classifier.export import export_classifier
from train.classifier.record import ClassifierEpoch
from train.classifier.report import report_run
from train.classifier.run import train_classifier
from train.classifier.settings import ClassifierSettings
from train.retraining.contest import Contest, compare, compared_precision, told_right
from train.retraining.merging import grown, merge
from train.run_folders import LAST

CONTEST = "contest.json"
BUNDLE = "bundle"


@dataclass(frozen=True, slots=True)
class RetrainRequest:
    """What is asked for.

    Attributes:
        champion: The bundle in use, verified.
        settings: Of the challenger's training.
        old: The set that the champion learnt from; its test part is the frozen test.
        added: New pictures, tagged.
        new_values: That may be new.
        replay: Share of the old train part that is learnt again.
        budget_points: Of recall that an old value may lose.
        least_pictures: Of the test, for a value to be judged by itself.
        version: Of the release, for people.
        self_test: A picture for the release's self-test, None for the champion's.
    """

    champion: ClassifierBundle
    settings: ClassifierSettings
    old: TaggedSet
    added: tuple[TaggedSet, ...]
    new_values: tuple[str, ...]
    replay: float
    budget_points: float
    least_pictures: int
    version: str
    self_test: Path | None = None


def retrain(
    request: RetrainRequest,
    out: Path,
    key: Ed25519PrivateKey,
    *,
    resume: bool = False,
    on_epoch: Callable[[ClassifierEpoch], None] = lambda _: None,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> Contest:
    """Train a challenger in `out`, hold it against the champion, and leave `bundle` only where it may be released.

    `out` gets `set`, `run` with its report, `export`, `contest.json` and perhaps `bundle`.

    Args:
        request: What is asked for.
        out: The folder; a new one, but where a retraining is resumed.
        key: Signs the release.
        resume: Go on with the training of a retraining that was broken off; all else is made anew.
        on_epoch: Called after each epoch of the training.
        on_step: Called after each step with how many are done, and how many there are.

    Raises:
        EdgekitError: The sets do not fit the champion, there is no test, there is nothing to resume, or something
            cannot be trained or written.
    """
    manifest = request.champion.manifest
    if request.old.description.taxonomy != manifest.taxonomy:
        raise EdgekitError(
            f"{request.old.folder} tells others than {request.champion.directory}: name the set it learnt"
        )
    if not request.old.part("test"):
        raise EdgekitError(f"{request.old.folder} has no test part: without one nobody can say what a retraining costs")
    _check_folder(out, resume=resume)
    taxonomy = grown(manifest.taxonomy, request.added, request.new_values)
    merged = merge(request.old, request.added, taxonomy, out / "set", replay=request.replay)
    begun = (out / "run" / LAST).exists()
    train_classifier(request.settings, merged, out / "run", resume=begun, on_epoch=on_epoch, on_step=on_step)
    report_run(out / "run", merged)
    export_classifier(out / "run", merged, out / "export", embedding=manifest.embedding > 0)
    self_test = request.self_test or _self_test_of(request.champion, out)
    parts = BundleParts(
        manifest.name, request.version, manifest.release + 1, out / "export", None, with_fp32=True, self_test=self_test
    )
    challenger = assemble_classifier(parts, out / "candidate", key)
    contest = _contest(request, challenger, merged)
    (out / CONTEST).write_text(contest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    if contest.passed:
        challenger.directory.rename(out / BUNDLE)
    else:
        shutil.rmtree(challenger.directory)  # signed, so it must not lie about
    return contest


def _check_folder(out: Path, *, resume: bool) -> None:
    """Refuse a folder in use, or clear away what a broken-off retraining left there but the training's epochs."""
    if not resume and out.exists():
        remedy = "choose another folder" if (out / CONTEST).exists() else "go on with it by --resume"
        raise EdgekitError(f"{out} exists: remove it, or {remedy}")
    if resume and ((out / CONTEST).exists() or not (out / "set").exists()):
        why = "its contest is over" if (out / CONTEST).exists() else "no retraining was begun there"
        raise EdgekitError(f"there is nothing to resume in {out}: {why}; name another folder")
    for made in ("set", "export", "candidate"):
        shutil.rmtree(out / made, ignore_errors=True)
    if not (out / "run" / LAST).exists():
        shutil.rmtree(out / "run", ignore_errors=True)  # no epoch of it was finished


def _contest(request: RetrainRequest, challenger: ClassifierBundle, merged: TaggedSet) -> Contest:
    old, manifest = request.old.description, request.champion.manifest
    pictures = merged.part("test")
    openings = record_opening(
        request.old.folder,
        old.digest,
        len(request.old.part("test")),
        manifest.name,
        challenger.digest,
        datetime.now(timezone.utc),
    )
    taxonomy = merged.description.taxonomy
    precision = compared_precision(request.champion)
    champion = told_right(load_classifier(request.champion, precision=precision), taxonomy, pictures)
    told = told_right(load_classifier(challenger), taxonomy, pictures)
    return Contest(
        champion_digest=request.champion.digest,
        challenger_digest=challenger.digest,
        test_pictures=len(pictures),
        openings=openings,
        budget_points=request.budget_points,
        champion_precision=precision,
        classes=compare(manifest.taxonomy, taxonomy, pictures, champion, told, request.least_pictures),
    )


def _self_test_of(champion: ClassifierBundle, out: Path) -> Path:
    path = out / "self-test.jpg"
    path.write_bytes(champion.read(champion.manifest.self_test_picture))
    return path


def lines_of(contest: Contest) -> Sequence[str]:
    """Return a contest for people."""
    lines = [f"{contest.test_pictures} pictures of the test, opened {contest.openings} times, this one included"]
    if contest.champion_precision == "int8":
        lines.append("the champion has INT8 files alone: some of what it loses against float may be theirs")
    for one in contest.classes:
        champion = "new" if one.champion is None else f"{100 * one.champion / one.pictures:.1f}"
        lost = one in contest.over_budget
        lines.append(
            f"  {one.attribute} {one.value}, {one.pictures} pictures: recall {champion} -> "
            f"{100 * one.challenger / one.pictures:.1f}{'  over the budget' if lost else ''}"
        )
    return lines
