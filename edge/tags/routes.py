"""Where a parcel belongs: a site's rules from tags to lanes, and the lane of those that no rule fits."""

import hashlib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from devices.errors import EdgekitError
from devices.validation import parse_toml

Lane = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[!-~]( ?[!-~])*$")]


class Route(BaseModel):
    """One rule: a parcel that has all these tags goes to this lane."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lane: Lane
    when: dict[str, str] = Field(
        min_length=1,
        description="by tag the value it must have; * stands for any characters, ? for one, [abc] for one of these",
    )

    def fits(self, values: Mapping[str, frozenset[str]]) -> bool:
        """Whether a parcel with these values by tag takes this route."""
        return all(
            any(fnmatchcase(value, pattern) for value in values.get(key, ())) for key, pattern in self.when.items()
        )


class Routes(BaseModel):
    """`routes.toml`: rules in their order, of which the first that fits holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    exception: Lane = Field(description="the lane of parcels that no rule fits")
    routes: tuple[Route, ...] = Field(default=(), alias="route")

    def lane_of(self, values: Mapping[str, frozenset[str]]) -> str:
        """Return the lane of a parcel.

        Args:
            values: By tag what the parcel has of it; `kind` and `product` count as tags.
        """
        return next((route.lane for route in self.routes if route.fits(values)), self.exception)


def load_routes(path: Path) -> tuple[Routes, str]:
    """Read a routes.toml; return it and its sha256.

    Raises:
        EdgekitError: It cannot be read, or a key or value in it is not allowed.
    """
    try:
        content = path.read_bytes()  # once: the digest must be of what is used
    except OSError as exc:
        raise EdgekitError(f"cannot read the routes {path}: {exc.strerror}; check routes in [routing]") from exc
    return parse_toml(content, path, Routes), hashlib.sha256(content).hexdigest()
