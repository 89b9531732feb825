"""The command that brings pictures of others into the kit's form; registered with the others in `train/data_cli.py`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from devices.errors import EdgekitError

if TYPE_CHECKING:
    from train.importing.bring import Imported, Origin

_PAIR = 2
_MOST_TOLD = 10


def import_set(
    form: Annotated[
        Literal["folders", "csv", "yolo", "coco", "voc", "cvat", "label-studio", "pictures", "hardcases"],
        typer.Argument(
            help="Tags: folders named after what they hold, or csv, a table. Boxes and outlines: yolo, coco, voc, "
            "cvat, label-studio. pictures: without labels. hardcases: what boxes kept, sealed."
        ),
    ],
    source: Annotated[Path, typer.Argument(help="The folder or file, unpacked.")],
    out: Annotated[Path, typer.Argument(help="The new folder.")],
    *,
    name: Annotated[str, typer.Option(help="Of the set.")],
    licence: Annotated[str, typer.Option(help="Of the pictures: an SPDX expression, or `unstated`.")] = "unstated",
    made_by: Annotated[str, typer.Option(help="Where the pictures come from.")] = "own pictures",
    implied: Annotated[
        list[str] | None, typer.Option(help="ATTRIBUTE:SOURCE, csv only: a column that follows from another one.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Boxes: folder of the pictures, if not the usual one.")] = None,
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="Boxes: a class, in the order of ids, if not the source's.")
    ] = None,
    background: Annotated[
        bool, typer.Option("--background", help="Boxes: pictures without labels show nothing, not: are unlabelled.")
    ] = False,
    key: Annotated[Path | None, typer.Option(help="hardcases: the workstation's private key.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="hardcases: of whose classes they have to be.")] = None,
    trusted_keys: Annotated[
        list[Path] | None, typer.Option("--trusted-key", help="hardcases: public key of that bundle's signer.")
    ] = None,
    box_ca: Annotated[
        Path | None, typer.Option(help="hardcases: who issues the boxes' identities; takes what they signed alone.")
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out pictures with a fault.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Boxes: print what came of it as JSON.")] = False,
) -> None:
    """Import pictures with tags, with boxes and outlines, without labels, or the hard cases that boxes kept.

    Tags: PRODUCT/picture or CATEGORY/PRODUCT/picture, or a table with a column for each attribute. Boxes: a picture
    with one bad row is refused, or left out as a whole.

    Example: edgekit data import csv shop/tags.csv sets/shop --name shop --implied category:product
    """
    from train.importing.bring import Origin  # noqa: PLC0415 - help must not wait for OpenCV

    origin = Origin(name, licence, made_by)
    if form == "hardcases":
        _import_cases(source, out, origin, key, bundle, trusted_keys or [], box_ca, skip_bad=skip_bad)
        return
    if key or bundle or trusted_keys or box_ca:
        raise EdgekitError("--key, --bundle, --trusted-key and --box-ca are for hardcases")
    if form != "folders" and form != "csv":  # noqa: PLR1714 - this way the type checker follows
        if implied:
            raise EdgekitError("boxes have no attributes that follow from one another: --implied is for tables")
        from train.importing.bring import import_detections, read_foreign_set  # noqa: PLC0415

        found = read_foreign_set(form, source, images)
        done = import_detections(
            found, out, origin, classes=classes or (), unlabelled_is_background=background, skip_bad=skip_bad
        )
        _tell(out, done, as_json=as_json)
        return
    if images or classes or background or as_json:
        raise EdgekitError("--images, --class, --background and --json are for pictures with boxes, not with tags")
    from train.importing.tagged import import_folders, import_table  # noqa: PLC0415

    if form == "folders":
        if implied:
            raise EdgekitError("folders say themselves what follows from what: --implied is for tables")
        imported, skipped = import_folders(source, out, origin, skip_bad=skip_bad)
    else:
        imported, skipped = import_table(source, out, origin, implied=_pairs(implied or []), skip_bad=skip_bad)
    for fault in skipped:
        print(f"left out: {fault}")
    counts = ", ".join(f"{part} {len(imported.part(part))}" for part in ("train", "val", "test"))
    tags = ", ".join(f"{one.name} ({len(one.values)})" for one in imported.description.taxonomy.attributes)
    print(f"{out}: {imported.description.pictures} pictures ({counts}), tags {tags}")


def _import_cases(
    source: Path,
    out: Path,
    origin: "Origin",
    key: Path | None,
    bundle: Path | None,
    trusted_keys: list[Path],
    box_ca: Path | None,
    *,
    skip_bad: bool,
) -> None:
    from edge.model.bundle import open_any_bundle  # noqa: PLC0415 - help must not wait for OpenCV
    from edge.sealing import load_opener  # noqa: PLC0415
    from train.importing.hard_cases import TABLE, import_hard_cases  # noqa: PLC0415

    if key is None:
        raise EdgekitError("hard cases are sealed: name the workstation's private key with --key")
    model = open_any_bundle(bundle, trusted_keys).manifest if bundle is not None else None
    done = import_hard_cases(source, out, origin, load_opener(key), model=model, authority=box_ca, skip_bad=skip_bad)
    for fault in done.skipped[:_MOST_TOLD]:
        print(f"left out: {fault}")
    reasons = ", ".join(f"{count} {reason}" for reason, count in done.reasons.items())
    print(f"{out}: {done.cases} cases ({reasons}), left out: {len(done.skipped)}")
    if done.labelled:
        print(f"  {done.labelled} of them have a label: edgekit data import csv {out / TABLE} SET --name NAME")


def _tell(out: Path, done: "Imported", *, as_json: bool) -> None:
    import json  # noqa: PLC0415
    from dataclasses import asdict  # noqa: PLC0415

    if as_json:
        print(json.dumps(asdict(done)))
        return
    print(f"{out}: " + ", ".join(f"{count} in {split}" for split, count in done.pictures.items()))
    print(f"  objects: {', '.join(f'{count} {name}' for name, count in done.objects.items())}")
    print(f"  declared background: {done.background}, without labels: {done.unlabelled}, left out: {len(done.skipped)}")
    for fault in done.skipped[:_MOST_TOLD]:
        print(f"  left out: {fault}")
    if len(done.skipped) > _MOST_TOLD:
        print(f"  and {len(done.skipped) - _MOST_TOLD} more: --json tells all")


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        pair = text.split(":")
        if len(pair) != _PAIR or not all(pair):
            raise EdgekitError(f"--implied {text} is not ATTRIBUTE:SOURCE, such as category:product")
        pairs[pair[0]] = pair[1]
    return pairs
