"""Render labelled scenes: pictures to train on, and clips of a conveyor with their ground truth."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.command()
def pictures(
    out: Annotated[Path, typer.Argument(help="The new set's folder.")],
    *,
    count: Annotated[int, typer.Option(help="Pictures in all splits together.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Where all chance comes from.")] = 0,
    width_px: Annotated[int, typer.Option(help="Width of a picture, pixels.")] = 768,
    height_px: Annotated[int, typer.Option(help="Height of a picture, pixels.")] = 432,
    val_share: Annotated[float, typer.Option(help="Part of the pictures that goes into the split val.")] = 0.12,
    belt_share: Annotated[float, typer.Option(help="Part of the pictures that shows a belt.")] = 0.5,
    outlines: Annotated[
        bool, typer.Option("--outlines", help="Label by outlines, not by boxes, for -seg models.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier set there.")] = False,
) -> None:
    """Render pictures of cartons with codes, labelled with carton, barcode and qr.

    Outlines, codes' texts and what is written on each printed label lie in regions/ beside the labels.

    Example: edgekit data synth pictures sets/synth --count 1000 --seed 1
    """
    from devices.validation import checked  # noqa: PLC0415 - help must not wait for OpenCV
    from train.synth.pictures import PicturesConfig, write_pictures  # noqa: PLC0415

    config = checked(
        PicturesConfig,
        count=count,
        width_px=width_px,
        height_px=height_px,
        val_share=val_share,
        belt_share=belt_share,
        seed=seed,
    )
    with typer.progressbar(length=count, label="rendering") as bar:
        summary = write_pictures(out, config, outlines=outlines, force=force, advance=lambda: bar.update(1))
    print(f"{out}: " + ", ".join(f"{number} {name}" for name, number in summary.items()))


@app.command()
def clip(
    out: Annotated[
        Path, typer.Argument(help="The clip, ending in .mp4; the ground truth gets the same name and .json.")
    ],
    *,
    seed: Annotated[int, typer.Option(min=0, help="Where all chance comes from.")] = 0,
    parcels: Annotated[int, typer.Option(help="Parcels on the belt.")] = 32,
    unreadable_share: Annotated[float, typer.Option(help="Part of them whose label nobody can read.")] = 0.28,
    crf: Annotated[int, typer.Option(min=10, max=45, help="x264's constant rate factor: less is finer.")] = 30,
    force: Annotated[bool, typer.Option("--force", help="Replace earlier files.")] = False,
) -> None:
    """Render a conveyor from above, as `edgekit demo` plays it.

    Example: edgekit data synth clip belt.mp4 --seed 7
    """
    from devices.validation import checked  # noqa: PLC0415 - help must not wait for OpenCV
    from train.synth.clip import ClipConfig, plan_clip  # noqa: PLC0415
    from train.synth.recording import write_clip  # noqa: PLC0415

    plan = plan_clip(checked(ClipConfig, parcels=parcels, unreadable_share=unreadable_share), seed)
    with typer.progressbar(length=len(plan.belt_cm), label="rendering") as bar:
        truth = write_clip(out, plan, crf=crf, force=force, advance=lambda: bar.update(1))
    print(f"{out}: {truth.frames} frames, {len(truth.parcels)} parcels, {len(truth.readable)} of them readable")


@app.command()
def shelves(
    out: Annotated[Path, typer.Argument(help="The new set's folder.")],
    *,
    count: Annotated[int, typer.Option(help="Pictures in all splits together.")] = 600,
    seed: Annotated[int, typer.Option(min=0, help="Where all chance comes from.")] = 0,
    width_px: Annotated[int, typer.Option(help="Width of a picture, pixels.")] = 1024,
    height_px: Annotated[int, typer.Option(help="Height of a picture, pixels.")] = 768,
    val_share: Annotated[float, typer.Option(help="Part of the pictures that goes into the split val.")] = 0.12,
    view_cm: Annotated[tuple[float, float], typer.Option(help="Least and greatest width of shelf in a picture.")] = (
        30.0,
        60.0,
    ),
    tilt: Annotated[float, typer.Option(help="Most that a corner is off an upright view, share.")] = 0.07,
    dated: Annotated[
        bool, typer.Option("--dates", help="Stamp best-before date and lot onto the packs, regions date and batch.")
    ] = False,
    outlines: Annotated[
        bool, typer.Option("--outlines", help="Label by outlines, not by boxes, for -seg models.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier set there.")] = False,
) -> None:
    """Render shelves with packs and price labels: regions product, name, brand, price, barcode, and their texts.

    Outlines and texts lie in regions/ beside the labels. Stamps are small print: see them from near, by --view-cm.

    Example: edgekit data synth shelves sets/shelves --count 600 --seed 1
    """
    from devices.validation import checked  # noqa: PLC0415 - help must not wait for OpenCV
    from train.synth.shelves import ShelvesConfig, write_shelves  # noqa: PLC0415

    config = checked(
        ShelvesConfig,
        count=count,
        width_px=width_px,
        height_px=height_px,
        val_share=val_share,
        view_cm=view_cm,
        tilt=tilt,
        dated=dated,
        seed=seed,
    )
    with typer.progressbar(length=count, label="rendering") as bar:
        summary = write_shelves(out, config, outlines=outlines, force=force, advance=lambda: bar.update(1))
    print(f"{out}: " + ", ".join(f"{number} {name}" for name, number in summary.items()))


@app.command()
def pallets(
    out: Annotated[Path, typer.Argument(help="The new set's folder.")],
    *,
    count: Annotated[int, typer.Option(help="Pictures in all splits together.")] = 600,
    seed: Annotated[int, typer.Option(min=0, help="Where all chance comes from.")] = 0,
    width_px: Annotated[int, typer.Option(help="Width of a picture, pixels.")] = 768,
    height_px: Annotated[int, typer.Option(help="Height of a picture, pixels.")] = 576,
    val_share: Annotated[float, typer.Option(help="Part of the pictures that goes into the split val.")] = 0.12,
    above_share: Annotated[float, typer.Option(help="Part seen from above the aisle, not from within.")] = 0.4,
    outlines: Annotated[
        bool, typer.Option("--outlines", help="Label by outlines, not by boxes, for -seg models.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier set there.")] = False,
) -> None:
    """Render loaded pallets in aisles and racks, labelled with carton, barcode and qr.

    Outlines, codes' texts, what is written on each printed label and each load's outline lie in regions/.

    Example: edgekit data synth pallets sets/pallets --count 600 --seed 1
    """
    from devices.validation import checked  # noqa: PLC0415 - help must not wait for OpenCV
    from train.synth.pallets import PalletsConfig, write_pallets  # noqa: PLC0415

    config = checked(
        PalletsConfig,
        count=count,
        width_px=width_px,
        height_px=height_px,
        val_share=val_share,
        above_share=above_share,
        seed=seed,
    )
    with typer.progressbar(length=count, label="rendering") as bar:
        summary = write_pallets(out, config, outlines=outlines, force=force, advance=lambda: bar.update(1))
    print(f"{out}: " + ", ".join(f"{number} {name}" for name, number in summary.items()))


@app.command()
def paste(
    out: Annotated[Path, typer.Argument(help="The new set's folder.")],
    *,
    cut_outs: Annotated[
        list[Path],
        typer.Option(
            "--paste",
            help="Cut-outs: a folder with a folder of PNGs with alpha a class, or a labelled set. Repeatable.",
        ),
    ],
    scenes: Annotated[Path, typer.Option("--onto", help="A set, whose labels stay, or a folder of pictures.")],
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="Paste this class alone; may be given several times.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Of pictures in plain folders; sets say their own.")] = None,
    count: Annotated[int, typer.Option(help="Pictures to make, all for training.")] = 300,
    most: Annotated[int, typer.Option(help="Most things pasted into a picture.")] = 3,
    size: Annotated[
        tuple[float, float], typer.Option(help="Least and greatest longer side, shares of the picture's shorter.")
    ] = (0.12, 0.4),
    degrees: Annotated[float, typer.Option(help="Most that a thing is turned, either way.")] = 12.0,
    seed: Annotated[int, typer.Option(min=0, help="Where all chance comes from.")] = 0,
    outlines: Annotated[
        bool, typer.Option("--outlines", help="Label by outlines, not by boxes, for -seg models.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier set there.")] = False,
) -> None:
    """Paste cut-outs of rare products into scenes, for training: lit like them, edges blended, boxes exact.

    Where they come from and under which licences is recorded in dataset.json. Train on it beside a set with real val
    pictures.

    Example: edgekit data synth paste sets/rare --paste cutouts --onto sets/shelves --licence CC-BY-4.0 --seed 1
    """
    from devices.validation import checked  # noqa: PLC0415 - help must not wait for OpenCV
    from train.synth.composing import PasteConfig, find_scenes, write_pasted  # noqa: PLC0415
    from train.synth.cut_outs import find_cut_outs  # noqa: PLC0415

    config = checked(PasteConfig, count=count, most=most, size=size, degrees=degrees, seed=seed)
    found = find_cut_outs(cut_outs, classes or (), licence)
    with typer.progressbar(length=count, label="pasting") as bar:
        summary = write_pasted(
            out,
            config,
            found,
            find_scenes(scenes, licence),
            outlines=outlines,
            force=force,
            advance=lambda: bar.update(1),
        )
    print(f"{out}: " + ", ".join(f"{number} {name}" for name, number in summary.items()))
