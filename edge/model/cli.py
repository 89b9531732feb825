"""Build, sign, check and show bundles: a model with all that a box has to know of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from edge.model.classifier_manifest import ClassifierManifest
    from edge.model.manifest import Manifest

app = typer.Typer(no_args_is_help=True, help=__doc__)

BundleFolder = Annotated[Path, typer.Argument(help="The bundle's folder.")]
TrustedKeys = Annotated[
    list[Path], typer.Option("--trusted-key", help="Public key of its signer, or a folder of keys; may be repeated.")
]
SigningKey = Annotated[Path, typer.Option("--key", help="Private key that signs it.")]


@app.command()
def keygen(
    private: Annotated[Path, typer.Argument(help="The private key's file; keep it off the boxes.")],
    public: Annotated[Path, typer.Argument(help="The public key's file; goes to every box.")],
) -> None:
    """Make a key pair to sign bundles with.

    Example: edgekit bundle keygen site.key site.pub
    """
    from edge.model.signature import create_key  # noqa: PLC0415 - help must not wait for cryptography

    print(f"key {create_key(private, public)}: {private} signs, {public} checks")


@app.command()
def revoke(
    folder: Annotated[Path, typer.Argument(help="A folder of public keys that trusted_keys of box.toml names.")],
    public: Annotated[Path, typer.Argument(help="The public key that is trusted no more.")],
    *,
    why: Annotated[str, typer.Option(help="Kept beside its id.")],
) -> None:
    """Trust a key no more: its id goes into the folder's list `revoked`, and holds wherever the key stands.

    Example: edgekit bundle revoke site/keys site/keys/2025.pub --why "the laptop was stolen"
    """
    from edge.model.signature import revoke as revoke_key  # noqa: PLC0415 - help must not wait for cryptography

    print(f"key {revoke_key(folder, public, why)} is trusted no more where {folder} is read")


@app.command()
def build(
    out: Annotated[Path, typer.Argument(help="The new folder.")],
    *,
    key: SigningKey,
    export: Annotated[Path, typer.Option(help="Folder that `edgekit train export` wrote.")],
    self_test: Annotated[Path, typer.Option(help="Picture that shows the classes plainly; checked at every start.")],
    name: Annotated[str, typer.Option(help="Of the model.")],
    version: Annotated[str, typer.Option(help="Of the model, for people.")],
    int8: Annotated[Path | None, typer.Option(help="Folder that `edgekit compress quantize` wrote.")] = None,
    release: Annotated[int, typer.Option(min=1, help="Grows with each release.")] = 1,
    with_fp32: Annotated[bool, typer.Option("--with-fp32", help="Put the float model in beside INT8.")] = False,
    only: Annotated[
        Literal["openvino", "onnx"] | None, typer.Option(help="Put one engine's files in alone, for a smaller bundle.")
    ] = None,
    score: Annotated[float, typer.Option(min=0, max=1, help="Detections below it are dropped; detectors only.")] = 0.35,
    nms_iou: Annotated[float, typer.Option(min=0, max=1, help="Of two that overlap by more, the better stays.")] = 0.6,
    evaluation: Annotated[
        Path | None, typer.Option(help="Report of `edgekit evaluate --json` on the same files, for their metrics.")
    ] = None,
) -> None:
    """Build a signed bundle from the export of a detector or a classifier, and its INT8 files.

    Example: edgekit bundle build out --export export --int8 int8 --self-test a.jpg --name belt --version 1 --key my.key
    """
    from edge.model.assemble import assemble  # noqa: PLC0415 - help must not wait for engines
    from edge.model.assemble_classifier import assemble_classifier  # noqa: PLC0415
    from edge.model.export_record import CLASSIFIER  # noqa: PLC0415
    from edge.model.manifest import Thresholds  # noqa: PLC0415
    from edge.model.model_files import BundleParts  # noqa: PLC0415
    from edge.model.signature import load_private  # noqa: PLC0415

    parts = BundleParts(name, version, release, export, int8, with_fp32, self_test, only)
    signing_key = load_private(key)
    if (export / CLASSIFIER.record).exists():
        bundle = assemble_classifier(parts, out, signing_key, _metrics(evaluation, classifier=True))
    else:
        thresholds = Thresholds(score=score, nms_iou=nms_iou)
        bundle = assemble(parts, thresholds, out, signing_key, _metrics(evaluation, classifier=False))
    files = bundle.manifest.files
    print(f"{out}: {len(files)} files, {sum(entry.size for entry in files) / 1e6:.1f} MB, digest {bundle.digest}")


@app.command()
def sign(
    bundle: BundleFolder,
    out: Annotated[Path, typer.Argument(help="The new folder.")],
    *,
    trusted_keys: TrustedKeys,
    key: SigningKey,
) -> None:
    """Check a bundle under the keys that are trusted now, and write it anew under another one.

    Example: edgekit bundle sign bundles/first bundles/ours --trusted-key maker.pub --key site.key
    """
    from edge.model.assemble import sign as sign_anew  # noqa: PLC0415 - help must not wait for engines
    from edge.model.signature import load_private  # noqa: PLC0415

    print(f"{out}: digest {sign_anew(bundle, load_private(key), trusted_keys, out).digest}")


@app.command()
def pack(
    bundle: BundleFolder,
    archive: Annotated[Path, typer.Argument(help="The new file, .ekb by custom.")],
    *,
    trusted_keys: TrustedKeys,
) -> None:
    """Write a bundle as one file; the same bundle always gives the same bytes.

    Example: edgekit bundle pack bundles/first first.ekb --trusted-key site.pub
    """
    from edge.model import archive as archives  # noqa: PLC0415 - help must not wait for cryptography

    packed = archives.pack(bundle, archive, trusted_keys)
    print(f"{archive}: {packed.manifest.name} {packed.manifest.version}, digest {packed.digest}")


@app.command()
def unpack(
    archive: Annotated[Path, typer.Argument(help="File that `edgekit bundle pack` wrote.")],
    bundle: Annotated[Path, typer.Argument(help="The new folder.")],
    *,
    trusted_keys: TrustedKeys,
) -> None:
    """Read a bundle from one file; nothing is left behind of one that is not, byte for byte, what was signed.

    Example: edgekit bundle unpack first.ekb bundles/first --trusted-key site.pub
    """
    from edge.model import archive as archives  # noqa: PLC0415 - help must not wait for cryptography

    read = archives.unpack(archive, bundle, trusted_keys)
    print(f"{bundle}: {read.manifest.name} {read.manifest.version}, digest {read.digest}")


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder, or its one file.")], *, trusted_keys: TrustedKeys
) -> None:
    """Say whether a bundle is, byte for byte, what one of the keys signed.

    Example: edgekit bundle verify bundles/first --trusted-key site.pub
    """
    from edge.model import archive  # noqa: PLC0415 - help must not wait for cryptography
    from edge.model.bundle import open_any_bundle  # noqa: PLC0415

    check = archive.verify if bundle.is_file() else open_any_bundle
    opened = check(bundle, trusted_keys)
    print(f"{bundle} is whole and signed: {opened.manifest.name} {opened.manifest.version}, digest {opened.digest}")


@app.command()
def show(
    bundle: BundleFolder,
    *,
    trusted_keys: TrustedKeys,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")] = False,
) -> None:
    """Show what a bundle holds: model files and their accuracy, data, and the licences of all of it.

    Example: edgekit bundle show bundles/first --trusted-key site.pub
    """
    from edge.model.bundle import open_any_bundle  # noqa: PLC0415 - help must not wait for cryptography

    opened = open_any_bundle(bundle, trusted_keys)
    manifest = opened.manifest
    if as_json:
        print(manifest.to_bytes().decode(), end="")
        return
    print(f"{manifest.name} {manifest.version}, release {manifest.release}, digest {opened.digest}")
    print(f"licence of the weights: {manifest.licence}")
    print(f"{_what_it_tells(manifest)}; input {manifest.input.width}x{manifest.input.height}")
    for model in manifest.models:
        metrics = ", ".join(f"{key} {value:.3f}" for key, value in model.metrics.items())
        print(f"  {model.path} for {model.format}, {model.precision}: {metrics or 'not measured'}")
    print(f"started from {manifest.weights.name} ({manifest.weights.licence}), {manifest.weights.source}")
    for entry in manifest.data:
        print(f"  learnt from {entry.pictures} pictures of {entry.name} ({entry.licence}), {entry.source}")
    print(f"made by: {manifest.recipe}")


def _what_it_tells(manifest: "Manifest | ClassifierManifest") -> str:
    """Return the classes of a detector, or the attributes of a classifier."""
    if manifest.task == "detect":
        return f"classes: {', '.join(manifest.classes)}, {manifest.head}"
    told = [
        f"{attribute.name} ({len(attribute.values)} values"
        + (f", follows from {attribute.implied_by})" if attribute.implied_by else ")")
        for attribute in manifest.taxonomy.attributes
    ]
    return f"tags: {', '.join(told)}" + (f"; embedding of {manifest.embedding}" if manifest.embedding else "")


def _metrics(path: Path | None, *, classifier: bool) -> dict[tuple[str, str], dict[str, float]] | None:
    """Return the metrics of an evaluation's report by format and digest of the model file."""
    if path is None:
        return None
    from devices.validation import read_json  # noqa: PLC0415
    from edge.evaluate.classifier_report import ClassifierEvaluation  # noqa: PLC0415 - help must not wait for pydantic
    from edge.evaluate.evaluation import Evaluation  # noqa: PLC0415

    form = ClassifierEvaluation if classifier else Evaluation
    report = read_json(path, form, "measurement", "make it with `edgekit evaluate --json`")
    return {(model.format, model.sha256): model.metrics for model in report.models}
