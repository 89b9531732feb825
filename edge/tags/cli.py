"""Read the codes on photos, and score the reading of photos whose texts are known."""

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.command()
def read(
    pictures: Annotated[list[Path], typer.Argument(help="Photos.")],
    *,
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="A symbology, as zxing-cpp names it; all where none is given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a photo and line.")] = False,
) -> None:
    """Read all codes on photos; several looks at each must agree on a linear code.

    Example: edgekit codes read pallet.jpg --format EAN13 --format Code128
    """
    import json  # noqa: PLC0415
    from dataclasses import asdict  # noqa: PLC0415

    from edge.model.picture import read_picture  # noqa: PLC0415 - help must not wait for OpenCV
    from edge.tags.photo import PhotoReader  # noqa: PLC0415

    reader = PhotoReader(formats or ("All",))
    for path in pictures:
        texts = reader.read(read_picture(path))
        if as_json:
            print(json.dumps({"picture": str(path), "codes": [asdict(text) for text in texts]}))
            continue
        for text in texts:
            print(f"{path}: {text.symbology} {text.text!r} at {text.x:.0f}, {text.y:.0f} ({text.looks} looks)")
        if not texts:
            print(f"{path}: no code could be read")


@app.command()
def score(
    folder: Annotated[Path, typer.Argument(help="Holds photos and a manifest.csv: file, format, kind, text.")],
    *,
    half: Annotated[Literal["a", "b", "all"], typer.Option(help="Which photos; a was tuned on, b was not.")] = "all",
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Score the reading of photos by symbology, beside zxing-cpp at its defaults on the whole photo.

    Example: edgekit codes score downloads/barcode-decode --half b
    """
    import json  # noqa: PLC0415

    from edge.evaluate.code_photos import known_photos, score_photos  # noqa: PLC0415 - help must not wait for OpenCV

    total = sum(1 for _ in known_photos(folder, half))
    with typer.progressbar(length=total, label="reading", file=typer.get_text_stream("stderr")) as bar:
        scores = score_photos(folder, half, advance=lambda: bar.update(1))
    if as_json:
        print(json.dumps([score.model_dump() for score in scores]))
        return
    print(f"{'symbology':<18}{'photos':>7}{'right':>7}{'wrong':>7}{'ms':>7}   defaults: right  wrong     ms")
    for one in scores:
        ms, default_ms = one.edgekit.seconds / one.photos * 1000, one.defaults.seconds / one.photos * 1000
        print(
            f"{one.symbology:<18}{one.photos:>7}{one.edgekit.right:>7}{one.edgekit.wrong:>7}{ms:>7.1f}"
            f"{one.defaults.right:>18}{one.defaults.wrong:>7}{default_ms:>7.1f}"
        )
    shown = [one for one in scores if one.symbology != "negative"]
    photos = sum(one.photos for one in shown)
    if photos:
        right, default = (
            sum(tally.right for tally in tallies)
            for tallies in zip(*((s.edgekit, s.defaults) for s in shown), strict=True)
        )
        print(f"read {right} of {photos}, defaults {default}: {(right - default) / photos * 100:+.1f} points")
