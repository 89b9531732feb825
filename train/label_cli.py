"""Commands that label pictures, and compare labels; registered on `edgekit data`."""

from pathlib import Path
from typing import Annotated

import typer

from edge.evaluate.dataset import open_set


def take(
    folder: Annotated[Path, typer.Argument(metavar="SET", help="A set.")],
    out: Annotated[Path, typer.Argument(help="The new set's folder.")],
    *,
    pictures: Annotated[int, typer.Option(min=1, help="Training pictures to take.")],
    seed: Annotated[int, typer.Option(min=0, help="By which they are drawn.")] = 0,
    rest: Annotated[Path | None, typer.Option(help="New folder for the others, without their labels.")] = None,
    whole_groups: Annotated[
        bool,
        typer.Option("--whole-groups", help="Draw group after group with all its pictures, until it is enough."),
    ] = False,
    by: Annotated[
        list[str] | None, typer.Option(metavar="HEADING", help="What tells the groups; as of `data split`.")
    ] = None,
    groups: Annotated[Path | None, typer.Option(help="More groups; as of `data split`.")] = None,
    pattern: Annotated[str | None, typer.Option(help="Read groups from the names; as of `data split`.")] = None,
) -> None:
    """Take some training pictures, drawn by a seed, and all of val, into a smaller set.

    With --whole-groups it is as where a few cameras are labelled and the others not.

    Example: edgekit data take sets/warehouse sets/tenth --pictures 135 --seed 1 --rest sets/rest
    """
    from devices.errors import EdgekitError  # noqa: PLC0415 - help must not wait for OpenCV
    from train.take import WholeGroups, take_pictures  # noqa: PLC0415

    if not whole_groups and (by or groups or pattern):
        raise EdgekitError("groups are told, but nothing is drawn by them: add --whole-groups")
    whole = WholeGroups(tuple(by or ()), groups, pattern) if whole_groups else None
    taken = take_pictures(open_set(folder), out, pictures, seed, rest, whole)
    print(f"{out}: {len(taken.pictures('train'))} training pictures, {len(taken.pictures('val'))} in val")
    if rest is not None:
        print(f"{rest}: {len(open_set(rest).pictures('train'))} training pictures without labels")


def label(
    folder: Annotated[Path, typer.Argument(metavar="SET", help="A set; it may lack labels, some or all.")],
    out: Annotated[Path, typer.Argument(help="The new set's folder.")],
    *,
    bundle: Annotated[Path | None, typer.Option(help="The teacher: a signed bundle.")] = None,
    trusted_keys: Annotated[list[Path] | None, typer.Option("--trusted-key", help="Public key of its signer.")] = None,
    run: Annotated[Path | None, typer.Option(help="The teacher: a training's folder, in place of a bundle.")] = None,
    scores: Annotated[
        list[str] | None,
        typer.Option("--score", metavar="[CLASS=]SCORE", help="From here on a label, 0.6 if not given; by class too."),
    ] = None,
    doubt: Annotated[float, typer.Option(help="Below it nothing; between the two the teacher does not know.")] = 0.25,
    most_doubts: Annotated[
        float, typer.Option(min=0, max=1, help="Leave pictures out where a larger share of detections is in doubt.")
    ] = 0.3,
    added: Annotated[
        list[str] | None, typer.Option("--class", help="Label this class too, which the set does not label.")
    ] = None,
    review: Annotated[int, typer.Option(min=0, help="Most pictures on the review sheet.")] = 80,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out pictures that cannot be read.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
) -> None:
    """Let a teacher label training pictures that have no labels, as far as it is sure; what has labels keeps them.

    pseudo.jsonl in the new set tells which labels are the teacher's, review.html shows them, least sure first.

    Example: edgekit data label sets/rest sets/pseudo --bundle bundles/first --trusted-key site.pub --score 0.6
    """
    import json  # noqa: PLC0415 - help must not wait for engines
    from dataclasses import asdict  # noqa: PLC0415

    from devices.errors import EdgekitError  # noqa: PLC0415
    from train.gates import Gates  # noqa: PLC0415
    from train.pseudo import label_set  # noqa: PLC0415
    from train.teachers import bundle_teacher, run_teacher  # noqa: PLC0415

    gates = Gates.read(scores or [], doubt, most_doubts)
    opened = open_set(folder)
    if bundle is not None and run is None:
        teacher = bundle_teacher(bundle, trusted_keys or [], doubt)
    elif run is not None and bundle is None:
        teacher = run_teacher(run, doubt)
    else:
        raise EdgekitError("who is the teacher? name either a bundle with --bundle, or a training with --run")
    pictures = len(opened.pictures("train"))
    with typer.progressbar(length=pictures, label="labelling", file=typer.get_text_stream("stderr")) as bar:
        done = label_set(
            opened,
            out,
            teacher,
            gates,
            added=tuple(added or ()),
            review=review,
            skip_bad=skip_bad,
            advance=lambda: bar.update(1),
        )
    if as_json:
        print(json.dumps(asdict(done)))
        return
    print(f"{out}: {done.labelled} pictures labelled by {teacher.name}, {done.background} without anything in them")
    print(f"  labels: {', '.join(f'{count} {name}' for name, count in done.labels.items()) or 'none'}")
    print(f"  as they were: {done.kept}; left out: {done.doubtful} in doubt, {done.bad} that cannot be read")
    if done.unmeasured:
        print(f"  val: {done.unmeasured} left out, since nobody labelled all of them")
    print(f"  look at {out / 'review.html'}")


def agree(
    folders: Annotated[list[Path], typer.Argument(metavar="SET SET...", help="Sets with the same pictures.")],
    *,
    least_iou: Annotated[float, typer.Option("--iou", min=0.05, max=1, help="From here on two boxes are one.")] = 0.5,
    loose_iou: Annotated[float, typer.Option(min=0, max=1, help="Boxes that overlap less are told.")] = 0.75,
    most: Annotated[int, typer.Option(min=0, help="Most disagreements to print for two sets.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Compare what several people labelled on the same pictures: F1 by class, mean IoU, Cohen's kappa, disagreements.

    Example: edgekit data agree sets/anna sets/ben
    """
    import json  # noqa: PLC0415 - help must not wait for OpenCV
    from dataclasses import asdict  # noqa: PLC0415

    from train.agreement import agreements  # noqa: PLC0415

    compared = agreements([open_set(folder) for folder in folders], least_iou=least_iou, loose_iou=loose_iou)
    if as_json:
        print(json.dumps([asdict(one) for one in compared], indent=1))
        return
    for one in compared:
        iou = "-" if one.mean_iou is None else f"{one.mean_iou:.3f}"
        kappa = "not defined, one class" if one.kappa is None else f"{one.kappa:.3f}"
        print(f"{one.first} and {one.second}: {one.pictures} pictures, {one.matched} boxes of both")
        print(f"  mean IoU {iou}, kappa of their classes {kappa}")
        for entry in one.classes:
            f1 = "-" if entry.f1 is None else f"{entry.f1:.3f}"
            print(f"  {entry.name}: F1 {f1}, {entry.both} in both, of {entry.first} and {entry.second}")
        for found in one.disagreements[:most]:
            where = ", ".join(f"{value:.3f}" for value in found.cxcywh)
            said = f"{found.first or 'nothing'}, or {found.second or 'nothing'}"
            print(f"  {found.picture}: {said} ({found.kind}) at {where}")
        if len(one.disagreements) > most:
            print(f"  and {len(one.disagreements) - most} more: --json tells all")
