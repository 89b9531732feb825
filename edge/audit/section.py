"""The [audit] part of box.toml: how many events a person is asked about, and where the answers are counted."""

from pathlib import Path

from pydantic import Field

from edge.section import Section


class Audit(Section):
    """One in N events, drawn at random, waits with its crop on the box's page for a person to confirm or correct."""

    one_in: int = Field(default=100, ge=1, description="of all events that a picture was the reason for")
    state: Path = Field(description="a JSON file that counts the answers; a new model begins anew")
    most_waiting: int = Field(
        default=40, ge=1, le=500, description="in memory alone, so that a stolen box shows none; the oldest give way"
    )
