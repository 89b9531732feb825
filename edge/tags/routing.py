"""Gives events their product and their lane; both tables can be exchanged while events go through."""

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from edge.tags.catalogue import Catalogue, load_catalogue, tags_of
from edge.tags.events import EventKind, TagEvent
from edge.tags.routes import Routes, load_routes

_PARCELS = (EventKind.READ, EventKind.NO_READ, EventKind.MULTI_READ)
_ON_SHELF = (
    EventKind.APPEARED,
    EventKind.REMOVED,
    EventKind.PUT_BACK,
    EventKind.MISPLACED,
    EventKind.COUNT,
    EventKind.LOW_STOCK,
    EventKind.OUT_OF_STOCK,
    EventKind.OVERSTOCK,
)


@dataclass(frozen=True, slots=True)
class RoutingTables:
    """Both tables as they stood together."""

    catalogue: Catalogue
    routes: Routes | None
    routes_digest: str | None

    def applied_to(self, event: TagEvent) -> TagEvent:
        """Return an event of a parcel with product, lane, and the digests of what they came from; others unchanged.

        What stands on a shelf has a product, and no lane.
        """
        on_shelf = event.kind in _ON_SHELF
        if event.kind not in _PARCELS and not on_shelf:
            return event
        product = self.catalogue.product_of(event.tags)
        tags = event.tags + (tags_of(product) if product is not None else ())
        name = product.name if product is not None else None
        if on_shelf:
            return replace(event, tags=tags, product=name, catalogue_digest=self.catalogue.digest)
        values: dict[str, set[str]] = defaultdict(set)
        for tag in tags:
            values[tag.key].add(tag.value)
        values["kind"].add(event.kind.value)
        if name is not None:
            values["product"].add(name)
        lane = self.routes.lane_of({key: frozenset(told) for key, told in values.items()}) if self.routes else None
        return replace(
            event,
            tags=tags,
            product=name,
            route=lane,
            catalogue_digest=self.catalogue.digest,
            routes_digest=self.routes_digest,
        )


class Routing:
    """The tables in use.

    Args:
        catalogue: A catalogue.csv, None for none.
        routes: A routes.toml, None for none.

    Raises:
        EdgekitError: One of them cannot be used.
    """

    def __init__(self, catalogue: Path | None, routes: Path | None) -> None:
        self._catalogue = catalogue
        self._routes = routes
        self.tables = self._read()

    def reload(self) -> RoutingTables:
        """Read both tables again and use them together from the next event on; on a fault the old ones stay in use.

        Raises:
            EdgekitError: One of them cannot be used.
        """
        self.tables = self._read()
        return self.tables

    def _read(self) -> RoutingTables:
        catalogue = load_catalogue(self._catalogue) if self._catalogue is not None else Catalogue()
        routes, digest = load_routes(self._routes) if self._routes is not None else (None, None)
        return RoutingTables(catalogue, routes, digest)
