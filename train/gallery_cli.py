"""The command that teaches a classifier's bundle new products from a few pictures; registered in `train/cli.py`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devices.errors import EdgekitError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def gallery(
    out: Annotated[Path, typer.Argument(help="The new bundle's folder.")],
    *,
    bundle: Annotated[Path, typer.Option(help="A classifier's bundle that gives embeddings.")],
    trusted_keys: Annotated[list[Path], typer.Option("--trusted-key", help="Public key of its signer.")],
    key: Annotated[Path, typer.Option(help="Private key that signs the new bundle.")],
    pictures: Annotated[Path, typer.Option(help="A folder for each product, with 1 to 8 pictures in it.")],
    attribute: Annotated[str, typer.Option(help="Key of the tags that the gallery gives.")] = "product",
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Less similar pictures are unknown.")] = 0.7,
    margin: Annotated[float, typer.Option(min=0, max=1, help="By which a product must lead the next.")] = 0.05,
) -> None:
    """Teach a classifier's bundle products that it never learnt, from 1 to 8 pictures each.

    Example: edgekit train gallery out --bundle b --trusted-key k.pub --key my.key --pictures new-products
    """
    from edge.model.bundle import open_classifier_bundle  # noqa: PLC0415 - help must not wait for engines
    from edge.model.classifier import load_classifier  # noqa: PLC0415
    from edge.model.signature import load_private  # noqa: PLC0415
    from edge.model.teaching import confusable, gallery_of, with_gallery  # noqa: PLC0415

    opened = open_classifier_bundle(bundle, trusted_keys)
    signing_key, shown = load_private(key), _read(pictures)
    made = gallery_of(load_classifier(opened), shown, attribute=attribute, threshold=threshold, margin=margin)
    written = with_gallery(opened, made, out, signing_key)
    print(f"{out}: {len(made.names)} products from {len(made.embeddings)} pictures, digest {written.digest}")
    pair = confusable(made)
    if pair is not None:
        first, second, similar = pair
        warning = ": a threshold below that may take one for the other" if similar >= threshold else ""
        print(f"most alike: {first} and {second}, {similar:.2f}{warning}")


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
