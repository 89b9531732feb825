"""Get, import, render, check, split and seal the pictures that models learn from."""

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from devices.errors import EdgekitError
from train.check.cli import check
from train.import_cli import import_set
from train.label_cli import agree, label, take
from train.plain_sets import PLAIN, get_plain
from train.sets import KNOWN, get_known
from train.synth.cli import app as synth
from train.tagged_sets import GROCERY_STORE, get_grocery_store

app = typer.Typer(no_args_is_help=True, help=__doc__)
for _command in (take, label, agree):
    app.command()(_command)
app.add_typer(synth, name="synth")
app.command("import")(import_set)
app.command()(check)


@app.command()
def get(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join((*KNOWN, GROCERY_STORE, *PLAIN))}.")],
    out: Annotated[Path, typer.Argument(help="The new folder.")],
    *,
    origin: Annotated[
        Path | None, typer.Option("--from", help="Folder that holds the set's folder; $EDGEKIT_DATA if not given.")
    ] = None,
) -> None:
    """Copy a public set into the kit's form, with its licence, source and digest.

    Example: edgekit data get warehouse-boxes sets/warehouse --from downloads
    """
    if origin is None and "EDGEKIT_DATA" not in os.environ:
        raise EdgekitError("where is the data? name its folder with --from, or set EDGEKIT_DATA")
    data = origin or Path(os.environ["EDGEKIT_DATA"])
    if name in PLAIN:
        told = get_plain(name, data, out)
        print(f"{out}: {told.files} files, {told.licence}, {told.digest}")
        return
    described = (get_grocery_store if name == GROCERY_STORE else partial(get_known, name))(data, out).description
    print(f"{out}: {described.pictures} pictures, {described.licence}, {described.digest}")


@app.command()
def flatten(
    folder: Annotated[Path, typer.Argument(metavar="SET", help="A tagged set; it is only read.")],
    out: Annotated[Path, typer.Argument(help="The new folder.")],
) -> None:
    """Copy a tagged set so that one attribute of several values holds all that is said of a picture.

    Example: edgekit data flatten sets/grocery-store sets/labels
    """
    from edge.evaluate.tagged_set import open_tagged_set  # noqa: PLC0415
    from train.flat_sets import LABELS, flatten_set  # noqa: PLC0415

    flat = flatten_set(open_tagged_set(folder), out).description
    print(f"{out}: {flat.pictures} pictures, {flat.taxonomy.columns} values of {LABELS}, {flat.digest}")


@app.command("hold-out")
def hold_out(
    folder: Annotated[Path, typer.Argument(metavar="SET", help="The set; it is only read.")],
    kept: Annotated[Path, typer.Argument(help="The new folder of what is learnt.")],
    held_out: Annotated[Path, typer.Argument(help="The new folder of what is not.")],
    *,
    attribute: Annotated[str, typer.Option(help="Tagged sets: whose values are parted.")] = "product",
    by: Annotated[
        str | None, typer.Option(metavar="HEADING", help="Detection sets: whose groups are parted, such as camera.")
    ] = None,
    pattern: Annotated[
        str | None, typer.Option(help="Detection sets: read groups from the names, (?P<camera>gate-[0-9]+).")
    ] = None,
    groups: Annotated[
        list[str] | None, typer.Option("--group", help="Detection sets: a group that is held out; may be given again.")
    ] = None,
    every: Annotated[int, typer.Option(min=2, help="Tagged sets: each n-th value is held out.")] = 4,
) -> None:
    """Part a set by products, or by cameras, to measure what a model makes of those that it never learnt.

    Example: edgekit data hold-out sets/grocery-store sets/learnt sets/new
    """
    from edge.evaluate.dataset import open_set  # noqa: PLC0415
    from edge.evaluate.tagged_set import TAGS_RECORD, open_tagged_set  # noqa: PLC0415
    from train.hold_out import hold_out_groups, hold_out_values  # noqa: PLC0415

    if (folder / TAGS_RECORD).exists():
        if by is not None or pattern is not None or groups:
            raise EdgekitError(f"{folder} is a tagged set: it is parted by --attribute and --every")
        parted = hold_out_values(open_tagged_set(folder), attribute, every, kept, held_out)
        for one in (parted.kept, parted.held_out):
            values = next(of_one for of_one in one.description.taxonomy.attributes if of_one.name == attribute).values
            print(f"{one.folder}: {one.description.pictures} pictures of {len(values)} values of {attribute}")
        return
    if by is None or not groups:
        raise EdgekitError(f"{folder} is a detection set: say what is held out of it, as --by camera --group gate")
    for part in hold_out_groups(open_set(folder), by, groups, kept, held_out, pattern):
        print(f"{part.folder}: {part.description.pictures} pictures, {part.description.source}")


@app.command()
def split(
    folder: Annotated[Path, typer.Argument(metavar="SET", help="The set; it is only read.")],
    out: Annotated[Path, typer.Argument(help="The new folder.")],
    *,
    shares: Annotated[str, typer.Option(help="Percent of train, val and test.")] = "70,15,15",
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HEADING",
            help="Keep together what shares a group: camera, video, product (as groups.json tells), or similarity (by "
            "the pixels); several times. All that there are if none is given, and similarity.",
        ),
    ] = None,
    groups: Annotated[
        Path | None,
        typer.Option(help="More groups: JSON as groups.json, or CSV with the columns picture, camera, ..."),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(help="Read groups from the names: a regular expression with one group, (?P<camera>gate-[0-9]+)."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the order of equal groups.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
) -> None:
    """Deal a set out anew to train, val and test: stratified by class, and nothing of one part in another.

    Example: edgekit data split sets/warehouse sets/warehouse-split --pattern '(?P<video>IMG_[0-9]+)'
    """
    from edge.evaluate.dataset import ALL_SPLITS, open_set  # noqa: PLC0415 - help must not wait for OpenCV
    from train.split import SplitSettings, parse_shares, split_set  # noqa: PLC0415

    opened = open_set(folder)
    settings = SplitSettings(shares=parse_shares(shares), by=tuple(by or ()), pattern=pattern, seed=seed)
    steps = 2 * sum(len(opened.pictures(part)) for part in ALL_SPLITS)
    with typer.progressbar(length=steps, label="comparing", file=typer.get_text_stream("stderr")) as bar:
        record = split_set(opened, out, settings, groups, bar.update)
    if as_json:
        print(record.model_dump_json(indent=1, by_alias=True))
        return
    total = sum(record.pictures.values())
    for part, count in record.pictures.items():
        labels = ", ".join(f"{labels} {name}" for name, labels in record.labels[part].items())
        print(f"{part}: {count} pictures, {count / total:.1%}; {labels}")
    print(
        f"{out}: {record.groups} groups by {', '.join(record.by)} stayed whole, "
        f"the largest has {record.largest_group / total:.1%} of the pictures"
    )


@app.command()
def lock(folder: Annotated[Path, typer.Argument(help="A set.")]) -> None:
    """Write down the digest of every file of a set, into its lock.json.

    Example: edgekit data lock sets/warehouse
    """
    from train.locks import lock_set  # noqa: PLC0415

    print(f"{folder}: {len(lock_set(folder).files)} files locked")


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="A set that was locked.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print what differs as JSON.")] = False,
) -> None:
    """Check that a set is as it was locked; exit code 1 where a file was changed, removed or added.

    Example: edgekit data verify sets/warehouse
    """
    import json  # noqa: PLC0415
    from dataclasses import asdict  # noqa: PLC0415

    from train.locks import verify_set  # noqa: PLC0415

    changes = verify_set(folder)
    if as_json:
        print(json.dumps(asdict(changes)))
    else:
        for kind, paths in asdict(changes).items():
            for path in paths:
                print(f"{kind}: {path}")
        print(f"{folder}: " + ("differs from its lock" if changes.any else "as it was locked"))
    if changes.any:
        raise typer.Exit(1)


@app.command()
def keygen(
    private: Annotated[Path, typer.Argument(help="The new private key: opens packs.")],
    public: Annotated[Path, typer.Argument(help="The new public key: seals packs.")],
) -> None:
    """Make a key pair to seal sets with; give the public one away, keep the private one.

    Example: edgekit data keygen workstation.key workstation.pub
    """
    from edge.sealing import create_sealing_key  # noqa: PLC0415

    create_sealing_key(private, public)
    print(f"{public} seals, {private} opens")


@app.command()
def pack(
    folder: Annotated[Path, typer.Argument(help="A set.")],
    out: Annotated[Path, typer.Argument(help="The new file.")],
    *,
    encrypt: Annotated[Path | None, typer.Option(help="Public key of who is to open it; sealed to that key.")] = None,
    passphrase_file: Annotated[Path | None, typer.Option(help="File with a passphrase that is to open it.")] = None,
) -> None:
    """Pack a set into one file for transport, sealed where a key is given.

    Example: edgekit data pack sets/warehouse warehouse.eks --encrypt workstation.pub
    """
    from edge.passphrases import load_passphrase  # noqa: PLC0415
    from edge.sealing import load_recipient  # noqa: PLC0415
    from train.packs import pack_set  # noqa: PLC0415

    if encrypt and passphrase_file:
        raise EdgekitError("a key or a passphrase opens a pack: give --encrypt or --passphrase-file, not both")
    passphrase = load_passphrase(passphrase_file) if passphrase_file else None
    recipient = load_recipient(encrypt) if encrypt else passphrase
    count = pack_set(folder, out, recipient)
    print(f"{out}: {count} files, " + ("sealed" if recipient is not None else "readable for everybody"))


@app.command()
def unpack(
    packed: Annotated[Path, typer.Argument(metavar="PACK", help="What `pack` wrote.")],
    out: Annotated[Path, typer.Argument(help="The new folder.")],
    *,
    key: Annotated[Path | None, typer.Option(help="The private key, for a sealed pack.")] = None,
    passphrase_file: Annotated[Path | None, typer.Option(help="File with its passphrase.")] = None,
) -> None:
    """Unpack a set, whole or not at all.

    Example: edgekit data unpack warehouse.eks sets/warehouse --key workstation.key
    """
    from edge.passphrases import load_passphrase  # noqa: PLC0415
    from edge.sealing import load_opener  # noqa: PLC0415
    from train.packs import unpack_set  # noqa: PLC0415

    if key and passphrase_file:
        raise EdgekitError("a key or a passphrase opens a pack: give --key or --passphrase-file, not both")
    passphrase = load_passphrase(passphrase_file) if passphrase_file else None
    count = unpack_set(packed, out, load_opener(key) if key else passphrase)
    print(f"{out}: {count} files")
