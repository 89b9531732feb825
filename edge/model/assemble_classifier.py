"""From a classifier's export and its INT8 files to a signed bundle."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from devices.errors import EdgekitError
from edge.model.assemble import ALIKE_SCORE, SURE, TO_BE_FILLED
from edge.model.bundle import ClassifierBundle, build_bundle
from edge.model.classifier import Classifier, TagDecoder
from edge.model.classifier_manifest import ClassifierManifest, ClassifierSelfTest, ExpectedTag
from edge.model.detector import ENGINE_OF, load_engine
from edge.model.engine import EngineRequest
from edge.model.export_record import CLASSIFIER, ClassifierExportRecord, read_classifier_export
from edge.model.model_files import SELF_TEST, BundleParts, Members, Metrics, read_members
from edge.model.picture import decode_picture


def assemble_classifier(
    parts: BundleParts, out: Path, key: Ed25519PrivateKey, metrics: Metrics | None = None
) -> ClassifierBundle:
    """Build and sign a classifier's bundle.

    Args:
        parts: What it is made of.
        out: The new folder.
        key: Signs it.
        metrics: By format and sha256 of a model file, as measured on that very file; None where nothing was measured.

    Raises:
        EdgekitError: A record or file is missing, `out` exists, or the models do not agree on the self-test picture.
    """
    record = read_classifier_export(parts.export)
    members = read_members(parts, CLASSIFIER)
    manifest = ClassifierManifest(
        name=parts.name,
        version=parts.version,
        release=parts.release,
        licence=record.licence,
        taxonomy=record.taxonomy,
        input=record.input,
        embedding=record.embedding,
        thresholds=record.thresholds,
        heads=record.heads,
        models=members.measured(metrics),
        data=record.data,
        weights=record.weights,
        recipe=record.recipe,
        calibration=members.quantization.calibration if members.quantization is not None else None,
        self_test=ClassifierSelfTest(picture=SELF_TEST, expected=_expected(parts, record, members)),
        files=TO_BE_FILLED,
    )
    return build_bundle(out, manifest, members.contents, key)


def _expected(parts: BundleParts, record: ClassifierExportRecord, members: Members) -> tuple[ExpectedTag, ...]:
    """Return what every model file says of the self-test picture, as the first of them says it."""
    image = decode_picture(members.contents[SELF_TEST], str(parts.self_test))
    decoder = TagDecoder(record.taxonomy, record.thresholds, record.embedding, record.heads)
    said: list[dict[tuple[str, str], float]] = []
    for model in members.models:
        request = EngineRequest(
            members.content(model), model.precision, record.input.height, record.input.width, requests=1
        )
        engine = load_engine(ENGINE_OF[model.format], request)
        tags = Classifier(engine, decoder, record.input.height, record.input.width).classify(image).tags
        said.append({(tag.attribute, tag.value): tag.score for tag in tags})
    first, *others = said
    agreed = tuple(
        ExpectedTag(attribute=attribute, value=value, score=round(score, 3))
        for (attribute, value), score in first.items()
        if score >= SURE and all(abs(other.get((attribute, value), -1.0) - score) <= ALIKE_SCORE for other in others)
    )
    if not agreed:
        raise EdgekitError(
            f"the model files do not agree on anything in {parts.self_test} with a score of {SURE} or more: "
            "choose a picture that shows a value plainly"
        )
    return agreed
