"""How GStreamer gets pictures on a kind of device: elements that only its drivers bring, with places to fill in."""

import shlex
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator

from devices.part import Part

PLACES = ("sensor", "width", "height", "fps", "url", "transport")


class Pipeline(Part):
    """Elements from a camera to raw pictures in the system's memory, as `gst-launch-1.0` takes them, without a sink."""

    source: Literal["csi", "rtsp-h264", "rtsp-h265"] = Field(description="what kind of camera it is for")
    elements: str = Field(
        description="places: {sensor}, {width}, {height}, {fps} of a CSI camera, {url}, {transport} of a network one"
    )

    @field_validator("elements")
    @classmethod
    def _can_be_filled(cls, elements: str) -> str:
        filled(elements, dict.fromkeys(PLACES, "1"))
        return elements


def filled(elements: str, values: Mapping[str, object]) -> list[str]:
    """Return elements word by word, with values in their places. A value never becomes more than a part of one word.

    Args:
        elements: As a shell would take them.
        values: By the names of the places.

    Raises:
        ValueError: A quotation does not end, or there is no such place.
    """
    try:
        return [word.format_map(values) for word in shlex.split(elements)]
    except (KeyError, IndexError, AttributeError) as exc:
        raise ValueError(f"there is no place {exc} here: {', '.join(f'{{{place}}}' for place in values)}") from exc
