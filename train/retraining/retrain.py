"""A champion's next release, or the reason why there is none."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from devices.errors import EdgekitError
from edge.evaluate.openings import record_opening
from edge.model.bundle import AnyManifest, Bundle
from edge.model.model_files import BundleParts
from train.retraining.contest import Contest, compared_precision, with_few_together
from train.retraining.task import Listeners, RetrainTask
from train.run_folders import LAST

CONTEST = "contest.json"
BUNDLE = "bundle"
RUN = "run"
_PICTURES = "set"
_EXPORT = "export"
_CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Terms:
    """On which a challenger takes its champion's place.

    Attributes:
        budget_points: Of recall, and of a detector's precision, that an old class may lose.
        least_examples: Of the test, for a class to be judged by itself.
        version: Of the release, for people.
        self_test: A picture for the release's self-test, None for the champion's.
    """

    budget_points: float
    least_examples: int
    version: str
    self_test: Path | None = None


def retrain(
    task: RetrainTask[AnyManifest],
    terms: Terms,
    out: Path,
    key: Ed25519PrivateKey,
    *,
    resume: bool = False,
    listeners: Listeners | None = None,
) -> Contest:
    """Train a challenger in `out`, hold it against the champion, and leave `bundle` only where it may be released.

    `out` gets `set`, `run` with its report, `export`, `contest.json` and perhaps `bundle`.

    Args:
        task: Who is the champion, and what is to be learnt.
        terms: On which it is followed.
        out: The folder; a new one, but where a retraining is resumed.
        key: Signs the release.
        resume: Go on with the training of a retraining that was broken off; all else is made anew.
        listeners: Who hears how the training goes.

    Raises:
        EdgekitError: The sets do not fit the champion, there is no test, there is nothing to resume, or something
            cannot be trained or written.
    """
    task.check()
    _check_folder(out, resume=resume)
    pictures, run, export = out / _PICTURES, out / RUN, out / _EXPORT
    task.gather(pictures)
    task.train(pictures, run, listeners or Listeners(), resume=(run / LAST).exists())
    task.export(pictures, run, export)
    manifest = task.champion.manifest
    parts = BundleParts(
        manifest.name,
        terms.version,
        manifest.release + 1,
        export,
        None,
        with_fp32=True,
        self_test=terms.self_test or _self_test_of(task.champion, out),
    )
    challenger = task.assemble(parts, out / _CANDIDATE, key)
    contest = _contest(task, terms, challenger, pictures)
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
    if resume and ((out / CONTEST).exists() or not (out / _PICTURES).exists()):
        why = "its contest is over" if (out / CONTEST).exists() else "no retraining was begun there"
        raise EdgekitError(f"there is nothing to resume in {out}: {why}; name another folder")
    for made in (_PICTURES, _EXPORT, _CANDIDATE):
        shutil.rmtree(out / made, ignore_errors=True)
    if not (out / RUN / LAST).exists():
        shutil.rmtree(out / RUN, ignore_errors=True)  # no epoch of it was finished


def _contest(task: RetrainTask[AnyManifest], terms: Terms, challenger: Bundle[AnyManifest], pictures: Path) -> Contest:
    now = datetime.now(timezone.utc)
    name = challenger.manifest.name
    openings = [
        record_opening(test.folder, test.digest, test.pictures, name, challenger.digest, now) for test in task.tests
    ]
    precision = compared_precision(task.champion)
    counted = task.count(pictures, challenger, precision)
    return Contest(
        champion_digest=task.champion.digest,
        challenger_digest=challenger.digest,
        test_pictures=sum(test.pictures for test in task.tests),
        openings=max(openings),
        budget_points=terms.budget_points,
        champion_precision=precision,
        classes=with_few_together([one for one in counted if one.examples], terms.least_examples),
        untested=tuple(f"{one.within} {one.value}" for one in counted if not one.examples and one.champion is not None),
    )


def _self_test_of(champion: Bundle[AnyManifest], out: Path) -> Path:
    path = out / "self-test.jpg"
    path.write_bytes(champion.read(champion.manifest.self_test_picture))
    return path
