"""One hard case as a file: what the box said and the crop, sealed as one; only the workstation's key opens it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from pydantic import Field, ValidationError

from devices.errors import EdgekitError
from devices.validation import explain
from edge.deploy.identity import Name
from edge.hard_cases.judging import Reason
from edge.hard_cases.proof import CaseProof, CaseSigner, check_proof
from edge.model.taxonomy import Taxonomy
from edge.mqtt.wire import Score, UtcTime, WireModel, Xyxy
from edge.sealing import OpeningReader, SealingWriter
from edge.tags.events import EventKind, NoReadReason, TagSource

ENDING = ".case"
MOST_BYTES = 16 << 20  # of a case; crops have a hundredth of it
_LENGTH_BYTES = 4
_MOST_RECORD_BYTES = 1 << 20


class CaseTag(WireModel):
    """What the box said, one key and value."""

    key: str
    value: str
    score: Score
    source: TagSource


class CaseRegion(WireModel):
    """What the detector found, in pixels of the crop."""

    label: str
    score: Score
    xyxy: Xyxy


class CaseRecord(WireModel):
    """What is known of a crop."""

    schema_id: Literal["edgekit.hard-case/2"] = Field(
        default="edgekit.hard-case/2", validation_alias="schema", serialization_alias="schema"
    )
    site: str
    box: str
    camera: str
    zone: str | None
    captured_at: UtcTime
    reasons: tuple[Reason, ...] = Field(min_length=1)
    kind: EventKind
    no_read_reason: NoReadReason | None
    tags: tuple[CaseTag, ...]
    product: str | None = Field(description="that the catalogue names for the codes")
    regions: tuple[CaseRegion, ...]
    detector: str | None = Field(description="digest of the bundle that saw it")
    classifier: str | None = Field(description="digest of the classifier's bundle, null where there was none")
    classes: tuple[str, ...] = Field(description="of the detector")
    taxonomy: Taxonomy | None = Field(description="of the classifier, null where there was none")
    answer: dict[str, str] | None = Field(default=None, description="what a person said it is, by key of the tag")


@dataclass(frozen=True, slots=True)
class HardCase:
    """A record and the crop as JPEG."""

    record: CaseRecord
    jpeg: bytes


def seal(case: HardCase, recipient: X25519PublicKey, signer: CaseSigner | None = None) -> bytes:
    """Return a case as the bytes of its file: record, proof of whose it is, crop."""
    file = io.BytesIO()
    writer = SealingWriter(file, recipient)
    record = case.record.to_json().encode()
    proof = signer.sign(_signed(record, case.jpeg)).to_json().encode() if signer is not None else b""
    for part in (record, proof):
        writer.write(len(part).to_bytes(_LENGTH_BYTES, "big"))
        writer.write(part)
    writer.write(case.jpeg)
    writer.close()
    return file.getvalue()


def unseal(content: bytes, opener: X25519PrivateKey, authority: Sequence[x509.Certificate] | None = None) -> HardCase:
    """Return the case that a file holds.

    Args:
        content: Of the file.
        opener: The workstation's key.
        authority: Who issues the boxes' certificates; None: who made the case is not known, so nothing in it is
            believed.

    Raises:
        EdgekitError: It is none, is sealed to another key, or was changed or cut off; or, where that is asked, was not
            signed by the box that it names.
    """
    reader = OpeningReader(io.BytesIO(content), opener)
    record, proof = _part(reader), _part(reader)
    jpeg = reader.read(MOST_BYTES)
    reader.finish()
    try:
        case = HardCase(CaseRecord.model_validate_json(record), jpeg)
        told = CaseProof.model_validate_json(proof) if proof else None
    except ValidationError as exc:
        raise EdgekitError(f"its record is none of this version: {explain(exc, CaseRecord)}") from exc
    if authority is not None:
        named = Name(case.record.site, case.record.box)
        check_proof(told, _signed(record, jpeg), named, case.record.captured_at, authority)
    return case


def _part(reader: OpeningReader) -> bytes:
    size = int.from_bytes(reader.read(_LENGTH_BYTES), "big")
    if size > _MOST_RECORD_BYTES:
        raise EdgekitError(f"its record would have {size} bytes, more than any has")
    return reader.read(size)


def _signed(record: bytes, jpeg: bytes) -> bytes:
    """Return what is signed: where the record ends is part of it, so that no byte can change sides."""
    return len(record).to_bytes(_LENGTH_BYTES, "big") + record + jpeg
