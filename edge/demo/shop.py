"""The demonstration of the bundled classifier: products, and things that it never learnt, told or called unknown."""

import time
from dataclasses import dataclass
from pathlib import Path

from edge.demo.endings import require_ending
from edge.demo.look import Look
from edge.demo.shop_drawing import save_looks
from edge.demo.shop_pictures import HERE, PRODUCT, ShownPicture
from edge.model.bundle import open_classifier_bundle
from edge.model.classifier import Classifier, load_classifier
from edge.model.detector import Backend

BUNDLE = HERE / "bundle"
TRUSTED_KEY = HERE / "bundle.pub"
CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class ShopDemonstration:
    """How the demonstration went.

    Attributes:
        looks: In the pictures' order.
        ms: Milliseconds a picture in the mean, reading it left out.
        engine: It ran on.
        accuracy: Share of val whose likeliest product is right, as the manifest says; None where it says none.
    """

    looks: tuple[Look, ...]
    ms: float
    engine: str
    accuracy: float | None

    def __str__(self) -> str:
        """Return it for people."""
        known = len(self.looks) - self.strangers
        measured = (
            f"\nof all pictures of val, told or not, its likeliest product is right for {self.accuracy:.1%}"
            if self.accuracy is not None
            else ""
        )
        return (
            f"{known} pictures of products: {self.right} told right, {self.unknown} unknown, "
            f"{known - self.right - self.unknown} wrong; {self.strangers} of nothing that was learnt: "
            f"{self.strangers_unknown} unknown; {self.ms:.0f} ms a picture on {self.engine}{measured}"
        )

    @property
    def right(self) -> int:
        """Pictures of known products that were told right."""
        return sum(look.shown is not None and look.told == look.shown for look in self.looks)

    @property
    def unknown(self) -> int:
        """Pictures of known products that were called unknown."""
        return sum(look.shown is not None and look.told is None for look in self.looks)

    @property
    def strangers(self) -> int:
        """Pictures of nothing that was learnt."""
        return sum(look.shown is None for look in self.looks)

    @property
    def strangers_unknown(self) -> int:
        """Those of them that were called unknown."""
        return sum(look.shown is None and look.told is None for look in self.looks)


def run_shop(picture: Path, shown: tuple[ShownPicture, ...], backend: Backend) -> ShopDemonstration:
    """Tell pictures by the bundled classifier.

    Args:
        picture: Where all of them are saved, with what was said of each.
        shown: The pictures.
        backend: The engine; the bundle holds a file for ONNX Runtime alone.

    Raises:
        EdgekitError: The bundle cannot be used on the engine, or the picture cannot be written.
    """
    require_ending(picture)
    bundle = open_classifier_bundle(BUNDLE, [TRUSTED_KEY])
    classifier = load_classifier(bundle, backend=backend)
    began = time.monotonic()
    looks = tuple(_look(classifier, one) for one in shown)
    ms = 1000 * (time.monotonic() - began) / len(looks)
    save_looks(picture, looks, [one.image for one in shown])
    (model,) = bundle.manifest.models
    accuracy = model.metrics.get(f"accuracy/{PRODUCT}")
    return ShopDemonstration(looks, ms, f"{classifier.info.backend} {classifier.info.version}", accuracy)


def _look(classifier: Classifier, shown: ShownPicture) -> Look:
    said = classifier.classify(shown.image)
    likeliest = next(tag for tag in said.tags if tag.attribute == PRODUCT)
    told = said.value(PRODUCT)
    return Look(shown.file, shown.product, told, likeliest.value, round(likeliest.score, 4), said.value(CATEGORY))
