"""The command that teaches a classifier's bundle new products from a few pictures; registered in `train/cli.py`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devices.errors import EdgekitError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

MOST_REFERENCE = 32  # pictures of a product that bounds are chosen on
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def gallery(
    out: Annotated[Path, typer.Argument(help="The new bundle's folder.")],
    *,
    bundle: Annotated[Path, typer.Option(help="A classifier's bundle that gives embeddings.")],
    trusted_keys: Annotated[list[Path], typer.Option("--trusted-key", help="Public key of its signer.")],
    key: Annotated[Path, typer.Option(help="Private key that signs the new bundle.")],
    pictures: Annotated[Path, typer.Option(help="A folder for each product, with 1 to 8 pictures in it.")],
    attribute: Annotated[str, typer.Option(help="Key of the tags that the gallery gives.")] = "product",
    reference: Annotated[
        Path | None,
        typer.Option(
            "--calibrate-on",
            help="A tagged set to choose threshold and margin on, best of products never learnt: galleries of its part "
            "train are shown its part val, or else what is left of train.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Less similar pictures are unknown; chosen on pictures if not given."),
    ] = None,
    margin: Annotated[
        float | None, typer.Option(min=0, max=1, help="By which a product must lead the next; chosen likewise.")
    ] = None,
) -> None:
    """Teach a classifier's bundle products that it never learnt, from 1 to 8 pictures each.

    Example: edgekit train gallery out --bundle b --trusted-key k.pub --key my.key --pictures new-products
    """
    from edge.model.bundle import open_classifier_bundle  # noqa: PLC0415 - help must not wait for engines
    from edge.model.classifier import load_classifier  # noqa: PLC0415
    from edge.model.gallery import build_gallery  # noqa: PLC0415
    from edge.model.signature import load_private  # noqa: PLC0415
    from edge.model.teaching import bounds_of, confusable, embeddings_of, with_gallery  # noqa: PLC0415

    opened = open_classifier_bundle(bundle, trusted_keys)
    signing_key, shown, classifier = load_private(key), _read(pictures), load_classifier(opened)
    of_reference = of_shown = None
    if reference is not None:
        of_reference = embeddings_of(classifier, _reference(reference, attribute, "train"))
        of_shown = embeddings_of(classifier, _reference(reference, attribute, "val")) or None
    embeddings = embeddings_of(classifier, shown)
    bounds = bounds_of(embeddings, of_reference, threshold, margin, shown=of_shown)
    made = build_gallery(embeddings, attribute=attribute, threshold=bounds.threshold, margin=bounds.margin)
    print(bounds)
    written = with_gallery(opened, made, out, signing_key)
    print(f"{out}: {len(made.names)} products from {len(made.embeddings)} pictures, digest {written.digest}")
    pair = confusable(made)
    if pair is not None:
        first, second, similar = pair
        warning = ": a threshold below that may take one for the other" if similar >= bounds.threshold else ""
        print(f"most alike: {first} and {second}, {similar:.2f}{warning}")


def _reference(folder: Path, attribute: str, part: str) -> "dict[str, Iterator[NDArray[np.uint8]]]":
    """Return the pictures of a part of a tagged set by value of an attribute, read as they are asked for.

    Raises:
        EdgekitError: The set has no such learnt attribute of one value.
    """
    from edge.evaluate.tagged_set import open_tagged_set  # noqa: PLC0415
    from edge.model.picture import read_picture  # noqa: PLC0415

    opened = open_tagged_set(folder)
    learnt = opened.description.taxonomy.learnt
    found = next((place for place, one in enumerate(learnt) if one.name == attribute and not one.multiple), None)
    if found is None:
        raise EdgekitError(f"{folder} tells no {attribute}: name a set that does, or the attribute with --attribute")
    paths: dict[str, list[Path]] = {}
    for picture in opened.part(part):
        shown = paths.setdefault(learnt[found].values[picture.tags[found][0]], [])
        if len(shown) < MOST_REFERENCE:
            shown.append(picture.path)
    return {name: map(read_picture, of_one) for name, of_one in paths.items()}


def _read(folder: Path) -> "dict[str, list[NDArray[np.uint8]]]":
    """Return the pictures of each product; a product's name is its folder's."""
    from edge.model.picture import read_picture  # noqa: PLC0415 - help must not wait for OpenCV

    if not folder.is_dir():
        raise EdgekitError(f"there is no folder {folder}: name one that holds a folder for each product")
    products = sorted(path for path in folder.iterdir() if path.is_dir())
    if not products:
        raise EdgekitError(f"{folder} holds no folders: put each product's pictures into a folder of its name")
    return {
        product.name: [read_picture(path) for path in sorted(product.iterdir()) if path.suffix.lower() in _ENDINGS]
        for product in products
    }
