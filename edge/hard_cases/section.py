"""The [hard_cases] part of box.toml: what is kept for the next training, where, how much, and who can open it."""

from pathlib import Path

from pydantic import Field

from edge.section import Credential, Section, Share


class HardCases(Section):
    """Crops of what the box was not sure of, masks applied, each sealed so that the box itself cannot open it."""

    folder: Path = Field(description="where they lie until somebody fetches them; made where it is missing")
    recipient: Path = Field(description="public key of the workstation that opens them, of `edgekit data keygen`")
    identity_credential: Credential | None = Field(
        default=None,
        description="the name of a systemd credential, as `edgekit enroll` makes it; cases are signed with it",
    )
    no_reads: bool = Field(default=True, description="whether parcels without a text are kept")
    margin: Share = Field(default=0.2, description="the classifier's likeliest value led the next one by less; 0: none")
    score: Share = Field(default=0.4, description="the detector was less sure of the parcel than that; 0: none")
    disagreements: bool = Field(
        default=True, description="whether parcels of which code and classifier tell two products"
    )
    max_cases: int = Field(default=2000, ge=1, le=100_000, description="beyond it the oldest go")
    max_mib: float = Field(default=256.0, gt=0, description="likewise, of all together")
    most_a_minute: int = Field(default=30, ge=1, description="more are only counted: one bad hour is enough of it")
