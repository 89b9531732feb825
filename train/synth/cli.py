"""Render labelled scenes: pictures to train on, and clips of a conveyor with their ground truth."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from devices.validation import checked
from train.setting_options import grouped, with_setting_options
from train.synth.settings import ClipConfig, PalletsConfig, PasteConfig, PicturesConfig, ShelvesConfig

app = typer.Typer(no_args_is_help=True, help=__doc__)

NewSet = Annotated[Path, typer.Argument(help="The new set's folder.")]
Outlines = Annotated[bool, typer.Option("--outlines", help="Label by outlines, not by boxes, for -seg models.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what an earlier call wrote there.")]


@app.command()
def pictures(out: NewSet, *, outlines: Outlines = False, force: Force = False, **chosen: Any) -> None:
    """Render pictures of cartons with codes, labelled with carton, barcode and qr.

    Outlines, codes' texts and what is written on each printed label lie in regions/ beside the labels.

    Example: edgekit data synth pictures sets/synth --count 1000 --seed 1
    """
    from train.synth.pictures import write_pictures  # noqa: PLC0415 - help must not wait for OpenCV

    config = checked(PicturesConfig, **grouped(PicturesConfig, chosen))
    with typer.progressbar(length=config.count, label="rendering") as bar:
        summary = write_pictures(out, config, outlines=outlines, force=force, advance=lambda: bar.update(1))
    _tell(out, summary)


@app.command()
def clip(
    out: Annotated[
        Path, typer.Argument(help="The clip, ending in .mp4; the ground truth gets the same name and .json.")
    ],
    *,
    seed: Annotated[int, typer.Option(min=0, help="Where all chance comes from.")] = 0,
    crf: Annotated[int, typer.Option(min=10, max=45, help="x264's constant rate factor: less is finer.")] = 30,
    force: Force = False,
    **chosen: Any,
) -> None:
    """Render a conveyor from above, as `edgekit demo` plays it.

    Example: edgekit data synth clip belt.mp4 --seed 7
    """
    from train.synth.clip import plan_clip  # noqa: PLC0415 - help must not wait for OpenCV
    from train.synth.recording import write_clip  # noqa: PLC0415

    plan = plan_clip(checked(ClipConfig, **grouped(ClipConfig, chosen)), seed)
    with typer.progressbar(length=len(plan.belt_cm), label="rendering") as bar:
        truth = write_clip(out, plan, crf=crf, force=force, advance=lambda: bar.update(1))
    print(f"{out}: {truth.frames} frames, {len(truth.parcels)} parcels, {len(truth.readable)} of them readable")


@app.command()
def shelves(out: NewSet, *, outlines: Outlines = False, force: Force = False, **chosen: Any) -> None:
    """Render shelves with packs and price labels: regions product, name, brand, price, barcode, and their texts.

    Outlines and texts lie in regions/ beside the labels. Stamps are small print: see them from near, by --view-cm.

    Example: edgekit data synth shelves sets/shelves --count 600 --seed 1
    """
    from train.synth.shelves import write_shelves  # noqa: PLC0415 - help must not wait for OpenCV

    config = checked(ShelvesConfig, **grouped(ShelvesConfig, chosen))
    with typer.progressbar(length=config.count, label="rendering") as bar:
        summary = write_shelves(out, config, outlines=outlines, force=force, advance=lambda: bar.update(1))
    _tell(out, summary)


@app.command()
def pallets(out: NewSet, *, outlines: Outlines = False, force: Force = False, **chosen: Any) -> None:
    """Render loaded pallets in aisles and racks, labelled with carton, barcode and qr.

    Outlines, codes' texts, what is written on each printed label and each load's outline lie in regions/.

    Example: edgekit data synth pallets sets/pallets --count 600 --seed 1
    """
    from train.synth.pallets import write_pallets  # noqa: PLC0415 - help must not wait for OpenCV

    config = checked(PalletsConfig, **grouped(PalletsConfig, chosen))
    with typer.progressbar(length=config.count, label="rendering") as bar:
        summary = write_pallets(out, config, outlines=outlines, force=force, advance=lambda: bar.update(1))
    _tell(out, summary)


@app.command()
def paste(
    out: NewSet,
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
    outlines: Outlines = False,
    force: Force = False,
    **chosen: Any,
) -> None:
    """Paste cut-outs of rare products into scenes, for training: lit like them, edges blended, boxes exact.

    Where they come from and under which licences is recorded in dataset.json. Train on it beside a set with real val
    pictures.

    Example: edgekit data synth paste sets/rare --paste cutouts --onto sets/shelves --licence CC-BY-4.0 --seed 1
    """
    from train.synth.composing import find_scenes, write_pasted  # noqa: PLC0415 - help must not wait for OpenCV
    from train.synth.cut_outs import find_cut_outs  # noqa: PLC0415

    config = checked(PasteConfig, **grouped(PasteConfig, chosen))
    found, onto = find_cut_outs(cut_outs, classes or (), licence), find_scenes(scenes, licence)
    with typer.progressbar(length=config.count, label="pasting") as bar:
        summary = write_pasted(out, config, found, onto, outlines=outlines, force=force, advance=lambda: bar.update(1))
    _tell(out, summary)


def _tell(out: Path, summary: Mapping[str, int]) -> None:
    print(f"{out}: " + ", ".join(f"{number} {name}" for name, number in summary.items()))


for _command, _settings in (
    (pictures, PicturesConfig),
    (clip, ClipConfig),
    (shelves, ShelvesConfig),
    (pallets, PalletsConfig),
    (paste, PasteConfig),
):
    with_setting_options(_command, _settings)
