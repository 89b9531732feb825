"""Hard cases on the workstation: opened, checked for whose they are, and brought into the kit's form."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devices.errors import EdgekitError
from edge.evaluate.dataset import open_set
from edge.hard_cases.case import CaseRecord, CaseTag, HardCase, seal
from edge.hard_cases.judging import Reason
from edge.model.bundle import open_any_bundle
from edge.model.taxonomy import Taxonomy
from edge.sealing import create_sealing_key, load_opener, load_recipient
from edge.tags.events import EventKind, TagSource
from train.importing.bring import Origin
from train.importing.hard_cases import TABLE, import_hard_cases
from train.importing.tagged import import_table

Make = Callable[..., Any]
CLASSES = ("carton", "barcode", "qr")
ORIGIN = Origin("cases", "unstated", "the hall")


@pytest.fixture
def keep(tmp_path: Path) -> Callable[..., Path]:
    """Put a sealed case into a folder."""
    create_sealing_key(tmp_path / "key", tmp_path / "pub")

    def put(
        name: str,
        classes: tuple[str, ...] = CLASSES,
        taxonomy: Taxonomy | None = None,
        answer: dict[str, str] | None = None,
        jpeg: bytes | None = None,
    ) -> Path:
        picture = np.random.default_rng(len(name)).integers(0, 256, (40, 50, 3), np.uint8)
        coded = np.asarray(cv2.imencode(".jpg", picture)[1], np.uint8).tobytes()
        record = CaseRecord(
            site="hall",
            box="box-1",
            camera="belt",
            zone=None,
            captured_at=datetime(2026, 11, 26, tzinfo=timezone.utc),
            reasons=(Reason.LOW_MARGIN,),
            kind=EventKind.READ,
            no_read_reason=None,
            tags=(CaseTag(key="colour", value="red", score=0.5, source=TagSource.CLASSIFIER),),
            product=None,
            regions=(),
            detector="d" * 64,
            classifier=None,
            classes=classes,
            taxonomy=taxonomy,
            answer=answer,
        )
        folder = tmp_path / "fetched"
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.case"
        path.write_bytes(seal(HardCase(record, coded if jpeg is None else jpeg), load_recipient(tmp_path / "pub")))
        return path

    return put


def test_cases_become_a_set_without_labels_with_what_the_box_said_beside_it(
    keep: Make, make_bundle: Make, tmp_path: Path
):
    keep("a")
    keep("b")
    bundle = make_bundle()
    model = open_any_bundle(bundle.folder, [bundle.public]).manifest
    out, opener = tmp_path / "set", load_opener(tmp_path / "key")
    done = import_hard_cases(tmp_path / "fetched", out, ORIGIN, opener, model=model)
    assert (done.cases, done.reasons, done.labelled) == (2, {"low_margin": 2}, 0)
    assert len(open_set(out).pictures("train")) == 2
    lines = [json.loads(line) for line in (out / "cases.jsonl").read_text().splitlines()]
    assert [line["picture"] for line in lines] == ["000000.jpg", "000001.jpg"]
    assert lines[0]["case"]["tags"][0]["value"] == "red"


def test_what_a_person_answered_is_a_tagged_set(keep: Make, make_classifier_bundle: Make, tmp_path: Path):
    bundle = make_classifier_bundle()
    manifest: Any = open_any_bundle(bundle.folder, [bundle.public]).manifest
    keep("a", taxonomy=manifest.taxonomy, answer={"colour": "red"})
    keep("bb", taxonomy=manifest.taxonomy, answer={"colour": "blue"})
    keep("ccc", taxonomy=manifest.taxonomy)  # the classifier's own word is no label
    opener = load_opener(tmp_path / "key")
    done = import_hard_cases(tmp_path / "fetched", tmp_path / "set", ORIGIN, opener, model=manifest)
    assert (done.cases, done.labelled) == (3, 2)
    tagged, _ = import_table(tmp_path / "set" / TABLE, tmp_path / "tagged", ORIGIN, implied={})
    assert {attribute.name: attribute.values for attribute in tagged.description.taxonomy.attributes} == {
        "colour": ("blue", "red")
    }


def test_cases_of_another_bundles_classes_are_refused_with_both_named(
    keep: Make, make_bundle: Make, make_classifier_bundle: Make, tmp_path: Path
):
    keep("a", classes=("bottle", "can"))
    out, opener = tmp_path / "set", load_opener(tmp_path / "key")
    bundle = make_bundle()
    model = open_any_bundle(bundle.folder, [bundle.public]).manifest
    with pytest.raises(EdgekitError, match=r"detector finds bottle, can, the bundle finds carton, barcode, qr"):
        import_hard_cases(tmp_path / "fetched", out, ORIGIN, opener, model=model)
    classifier = make_classifier_bundle()
    model = open_any_bundle(classifier.folder, [classifier.public]).manifest
    with pytest.raises(EdgekitError, match=r"tells nothing, the bundle tells colour of 3 values"):
        import_hard_cases(tmp_path / "fetched", out, ORIGIN, opener, model=model, skip_bad=True)
    keep("b")
    with pytest.raises(EdgekitError, match="by themselves"):
        import_hard_cases(tmp_path / "fetched", out, ORIGIN, opener)
    assert not out.exists()


def test_a_strangers_case_of_other_classes_does_not_keep_all_others_out(keep: Make, make_bundle: Make, tmp_path: Path):
    keep("a-strangers", classes=("bottle", "can"))
    keep("b")
    keep("c")
    bundle = make_bundle()
    model = open_any_bundle(bundle.folder, [bundle.public]).manifest
    out, opener = tmp_path / "set", load_opener(tmp_path / "key")
    done = import_hard_cases(tmp_path / "fetched", out, ORIGIN, opener, model=model, skip_bad=True)
    assert done.cases == 2
    assert [line.partition(": ")[0] for line in done.skipped] == [str(tmp_path / "fetched" / "a-strangers.case")]


def bomb() -> bytes:
    content = bytearray(np.asarray(cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1], np.uint8).tobytes())
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = b"\xff\xff\xff\xff"  # 65535 x 65535
    return bytes(content)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"no picture", bomb()])
def test_a_case_with_a_bad_picture_is_refused_or_left_out_and_told(keep: Make, content: bytes, tmp_path: Path):
    keep("good")
    keep("bad", jpeg=content)
    opener = load_opener(tmp_path / "key")
    with pytest.raises(EdgekitError, match=r"bad\.case"):
        import_hard_cases(tmp_path / "fetched", tmp_path / "set", ORIGIN, opener)
    assert not (tmp_path / "set").exists()
    done = import_hard_cases(tmp_path / "fetched", tmp_path / "set", ORIGIN, opener, skip_bad=True)
    assert (done.cases, len(done.skipped)) == (1, 1)


def test_torn_changed_and_strangers_files_are_told_by_name(keep: Make, tmp_path: Path):
    keep("good")
    torn = keep("torn")
    torn.write_bytes(torn.read_bytes()[:-7])
    (tmp_path / "fetched" / "strange.case").write_bytes(b"hello")
    (tmp_path / "fetched" / "large.case").write_bytes(bytes((16 << 20) + 1))
    done = import_hard_cases(
        tmp_path / "fetched", tmp_path / "set", ORIGIN, load_opener(tmp_path / "key"), skip_bad=True
    )
    assert [Path(line.split(":")[0]).name for line in done.skipped] == ["large.case", "strange.case", "torn.case"]
    create_sealing_key(tmp_path / "other", tmp_path / "other.pub")
    with pytest.raises(EdgekitError, match="none of 4 cases can be opened"):
        import_hard_cases(
            tmp_path / "fetched", tmp_path / "again", ORIGIN, load_opener(tmp_path / "other"), skip_bad=True
        )


def test_with_the_boxes_authority_what_nobody_signed_is_left_out_and_told(keep: Make, tmp_path: Path):
    path = keep("a")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "site")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    authority = tmp_path / "boxes-ca.pem"
    authority.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    opener = load_opener(tmp_path / "key")
    with pytest.raises(EdgekitError, match=f"{path}: nobody signed it: name identity_credential"):
        import_hard_cases(tmp_path / "fetched", tmp_path / "set", ORIGIN, opener, authority=authority)
    assert not (tmp_path / "set").exists()
