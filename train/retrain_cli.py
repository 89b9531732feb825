"""`edgekit train retrain`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devices.errors import EdgekitError
from train.training_bar import training_bar

if TYPE_CHECKING:
    from train.classifier.record import ClassifierEpoch


def retrain(
    out: Annotated[
        Path, typer.Argument(help="The new folder: set, run, export, contest.json and, if it wins, bundle.")
    ],
    *,
    bundle: Annotated[Path, typer.Option(help="The classifier's bundle in use, the champion.")],
    trusted_keys: Annotated[list[Path], typer.Option("--trusted-key", help="Public key of its signer.")],
    run: Annotated[Path, typer.Option(help="The champion's run; its settings are the challenger's.")],
    old: Annotated[Path, typer.Option("--set", help="The tagged set it learnt from; its test part is the test.")],
    added: Annotated[list[Path], typer.Option("--add", help="New pictures, tagged; may be given again.")],
    key: Annotated[Path, typer.Option(help="Private key that signs the release.")],
    new_classes: Annotated[
        list[str] | None, typer.Option("--new-class", help="A value that the champion does not know; each of them.")
    ] = None,
    replay: Annotated[float, typer.Option(min=0, max=1, help="Share of the old pictures that is learnt again.")] = 1.0,
    budget: Annotated[float, typer.Option(min=0, help="Points of recall that an old value may lose.")] = 3.0,
    least_pictures: Annotated[
        int, typer.Option(min=1, help="Of the test, for a value to be judged by itself; fewer are judged together.")
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
    from edge.evaluate.tagged_set import open_tagged_set  # noqa: PLC0415 - help must not wait for torch
    from edge.model.bundle import open_classifier_bundle  # noqa: PLC0415
    from edge.model.signature import load_private  # noqa: PLC0415
    from train.classifier.settings import read_classifier_config  # noqa: PLC0415
    from train.report import REPORT  # noqa: PLC0415
    from train.retraining.retrain import BUNDLE, RetrainRequest, lines_of  # noqa: PLC0415
    from train.retraining.retrain import retrain as train_anew  # noqa: PLC0415

    settings = read_classifier_config(run).settings
    if epochs is not None:
        settings = settings.model_copy(update={"schedule": settings.schedule.model_copy(update={"epochs": epochs})})
    if seed is not None:
        settings = settings.model_copy(update={"seed": seed})
    champion = open_classifier_bundle(bundle, trusted_keys)
    request = RetrainRequest(
        champion=champion,
        settings=settings,
        old=open_tagged_set(old),
        added=tuple(open_tagged_set(folder) for folder in added),
        new_values=tuple(new_classes or ()),
        replay=replay,
        budget_points=budget,
        least_pictures=least_pictures,
        version=version,
        self_test=self_test,
    )

    def tell(record: "ClassifierEpoch") -> None:
        told = f"epoch {record.epoch} of {settings.schedule.epochs}: {record.told()}"
        print(record.model_dump_json() if as_json else told, flush=True)

    signing_key = load_private(key)
    with training_bar() as advance:
        contest = train_anew(request, out, signing_key, resume=resume, on_epoch=tell, on_step=advance)
    print(contest.model_dump_json() if as_json else "\n".join(lines_of(contest)))
    if not contest.passed:
        lost = ", ".join(f"{one.value} {one.lost_points:.1f}" for one in contest.over_budget)
        raise EdgekitError(f"no release: lost more than {budget:g} points of recall: {lost}")
    if not as_json:
        print(f"report of the training: {out / 'run' / REPORT}")
        print(
            f"{out / BUNDLE}: release {champion.manifest.release + 1}; in float, `edgekit compress quantize` makes INT8"
        )
        if champion.manifest.gallery:
            print("the champion's gallery is of its own embeddings: build it anew with `edgekit train gallery`")
