"""The gallery that all looks use: the bundle's own with what was taught over it, exchanged between two looks."""

from edge.model.gallery import Gallery
from edge.model.overlay import Overlay


class GalleryInUse:
    """A gallery that may change. Any thread may read it; one changes it.

    Args:
        own: The bundle's, None where it brings none.
        overlay: What was taught, None where nothing can be.

    Attributes:
        current: For the next look, None as long as there is none.
        overlay: What was taught, None where nothing can be.
        digest: Of what was taught, None where nothing was; each event names it, and it takes all rows to make.
        set_aside: Where a file of teachings is kept that could not be used as this began, None where there was none.
    """

    def __init__(self, own: Gallery | None, overlay: Overlay | None) -> None:
        self._own = own
        self.overlay = overlay
        self.current = overlay.over(own) if overlay is not None else own
        self.digest = overlay.digest if overlay is not None else None
        self.set_aside = overlay.set_aside if overlay is not None else None

    def with_overlay(self, overlay: Overlay) -> Gallery:
        """Return the gallery that it would be with something taught."""
        gallery = overlay.over(self._own)
        if gallery is None:
            raise ValueError("an overlay without a teaching over no gallery is none")
        return gallery

    def use(self, overlay: Overlay) -> None:
        """Use another overlay from the next look on."""
        self.current = overlay.over(self._own)
        self.overlay = overlay
        self.digest = overlay.digest
