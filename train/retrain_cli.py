"""`edgekit train retrain`."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devices.errors import EdgekitError
from train.training_bar import training_bar

if TYPE_CHECKING:
    from edge.model.bundle import Bundle, ClassifierBundle
    from train.epochs import TrainingEpoch
    from train.retraining.classifier_task import ClassifierTask
    from train.retraining.detector_task import DetectorTask


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command line says of any kind of model."""

    run: Path
    old: Sequence[Path]
    added: Sequence[Path]
    new_classes: tuple[str, ...]
    replay: float
    epochs: int | None
    seed: int | None


def retrain(
    out: Annotated[
        Path, typer.Argument(help="The new folder: set, run, export, contest.json and, if it wins, bundle.")
    ],
    *,
    bundle: Annotated[Path, typer.Option(help="The bundle in use, the champion: a detector's or a classifier's.")],
    trusted_keys: Annotated[list[Path], typer.Option("--trusted-key", help="Public key of its signer.")],
    run: Annotated[Path, typer.Option(help="The champion's run; its settings are the challenger's.")],
    old: Annotated[
        list[Path], typer.Option("--set", help="A set it learnt from, a detector's all; its test part is the test.")
    ],
    added: Annotated[list[Path], typer.Option("--add", help="New pictures, tagged or labelled; may be given again.")],
    key: Annotated[Path, typer.Option(help="Private key that signs the release.")],
    new_classes: Annotated[
        list[str] | None, typer.Option("--new-class", help="A class that the champion does not know; each of them.")
    ] = None,
    replay: Annotated[float, typer.Option(min=0, max=1, help="Share of the old pictures that is learnt again.")] = 1.0,
    budget: Annotated[
        float, typer.Option(min=0, help="Points of recall, and of a detector's precision, that an old class may lose.")
    ] = 3.0,
    least_examples: Annotated[
        int, typer.Option(min=1, help="In the test, for a class to be judged by itself; fewer are judged together.")
    ] = 10,
    epochs: Annotated[int | None, typer.Option(min=1, help="The champion's own if not given.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of everything random; the champion's own if none.")] = None,
    version: Annotated[str, typer.Option(help="Of the release, for people.")] = "retrained",
    self_test: Annotated[Path | None, typer.Option(help="Picture for its self-test; the champion's if none.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with one that was broken off.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON an epoch, and at last the contest.")
    ] = False,
) -> None:
    """Train a challenger on old and new pictures; release it only where no old class loses more than its budget.

    Example: edgekit train retrain next --bundle B --trusted-key k.pub --run RUN --set shop --add new --key my.key
    """
    from edge.model.bundle import Bundle, open_any_bundle  # noqa: PLC0415 - help must not wait for torch
    from edge.model.classifier_manifest import ClassifierManifest  # noqa: PLC0415
    from edge.model.signature import load_private  # noqa: PLC0415
    from train.report import REPORT  # noqa: PLC0415
    from train.retraining.retrain import BUNDLE, RUN, Terms  # noqa: PLC0415
    from train.retraining.retrain import retrain as train_anew  # noqa: PLC0415
    from train.retraining.task import Listeners  # noqa: PLC0415

    asked = _Asked(run, old, added, tuple(new_classes or ()), replay, epochs, seed)
    terms = Terms(budget, least_examples, version, self_test)
    champion = open_any_bundle(bundle, trusted_keys)
    signing_key = load_private(key)
    told = sys.stdout

    def tell(record: "TrainingEpoch") -> None:
        print(record.model_dump_json() if as_json else f"epoch {record.epoch}: {record.told()}", file=told, flush=True)

    # Libraries print what they like; only what this command says goes to stdout.
    with contextlib.redirect_stdout(sys.stderr), training_bar() as advance:
        listeners = Listeners(tell, advance)
        if isinstance(champion.manifest, ClassifierManifest):
            classifier = _classifier_task(Bundle(champion.directory, champion.manifest, champion.digest), asked)
            contest = train_anew(classifier, terms, out, signing_key, resume=resume, listeners=listeners)
        else:
            detector = _detector_task(Bundle(champion.directory, champion.manifest, champion.digest), asked)
            contest = train_anew(detector, terms, out, signing_key, resume=resume, listeners=listeners)
    print(contest.model_dump_json() if as_json else "\n".join(contest.told()))
    if not contest.passed:
        lost = ", ".join(each for one in contest.over_budget for each in one.over(budget))
        raise EdgekitError(f"no release: lost more than {budget:g} points: {lost}")
    if not as_json:
        print(f"report of the training: {out / RUN / REPORT}")
        print(
            f"{out / BUNDLE}: release {champion.manifest.release + 1}; in float, `edgekit compress quantize` makes INT8"
        )
        if isinstance(champion.manifest, ClassifierManifest) and champion.manifest.gallery:
            print("the champion's gallery is of its own embeddings: build it anew with `edgekit train gallery`")


def _classifier_task(champion: "ClassifierBundle", asked: _Asked) -> "ClassifierTask":
    from edge.evaluate.tagged_set import open_tagged_set  # noqa: PLC0415 - help must not wait for torch
    from train.classifier.settings import read_classifier_config  # noqa: PLC0415
    from train.retraining.classifier_task import ClassifierTask  # noqa: PLC0415

    if len(asked.old) != 1:
        raise EdgekitError("a classifier learns from one tagged set: give one --set")
    settings = read_classifier_config(asked.run).settings
    if asked.epochs is not None:
        schedule = settings.schedule.model_copy(update={"epochs": asked.epochs})
        settings = settings.model_copy(update={"schedule": schedule})
    if asked.seed is not None:
        settings = settings.model_copy(update={"seed": asked.seed})
    added = tuple(open_tagged_set(folder) for folder in asked.added)
    old = open_tagged_set(asked.old[0])
    return ClassifierTask(champion, settings, old, added, asked.new_classes, asked.replay)


def _detector_task(champion: "Bundle", asked: _Asked) -> "DetectorTask":
    from edge.evaluate.dataset import open_set  # noqa: PLC0415 - help must not wait for torch
    from train.detector import read_config  # noqa: PLC0415
    from train.retraining.detector_task import DetectorTask  # noqa: PLC0415
    from train.run_folders import BEST  # noqa: PLC0415

    config = read_config(asked.run)
    given = {"epochs": asked.epochs, "seed": asked.seed}
    changes = {name: value for name, value in given.items() if value is not None}
    settings = config.settings.model_copy(update={"weights": asked.run / BEST, **changes})
    old, added = (tuple(open_set(folder) for folder in folders) for folders in (asked.old, asked.added))
    return DetectorTask(champion, config, settings, old, added, asked.new_classes, asked.replay)
