"""Say what single pictures show: objects, tags and codes, by the code that runs on a box."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from devices.errors import EdgekitError

if TYPE_CHECKING:
    from edge.predict.batch import Predicted
    from edge.predict.pictures import PictureFile
    from edge.predict.predictor import Predictor, PredictorChoice


def predict(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, and folders of pictures.")],
    *,
    bundles: Annotated[
        list[Path] | None,
        typer.Option("--bundle", help="A detector's or a classifier's, or one of each; none: the kit's own detector."),
    ] = None,
    trusted_keys: Annotated[
        list[Path] | None, typer.Option("--trusted-key", help="Public key of the bundles' signer.")
    ] = None,
    backend: Annotated[Literal["auto", "openvino", "onnxruntime"], typer.Option(help="The inference engine.")] = "auto",
    score: Annotated[
        float | None, typer.Option(min=0, max=1, help="Objects below it are dropped; else the bundle's own.")
    ] = None,
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="A symbology, as zxing-cpp names it; all where none is given.")
    ] = None,
    codes: Annotated[bool, typer.Option("--codes/--no-codes", help="Whether to look for codes.")] = True,
    save: Annotated[
        Path | None, typer.Option(help="A new folder for predictions.jsonl and the pictures with boxes drawn in.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a picture and line.")] = False,
    engine: Annotated[
        Literal["threads", "ray"],
        typer.Option(help="ray: an archive, in processes that are started again; --save gets lines in parts."),
    ] = "threads",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes of --engine ray; else one for two cores.")
    ] = None,
    per_part: Annotated[int, typer.Option(min=1, help="Pictures a part of --engine ray.")] = 500,
    scratch: Annotated[
        Path | None, typer.Option(help="Where Ray's sockets go, a short path on this machine; else into --save.")
    ] = None,
) -> None:
    """Say what pictures show. One that cannot be read is told and counted, the others go on; the exit code is then 1.

    Example: edgekit predict shelf.jpg photos/ --bundle bundles/shelf --trusted-key site.pub --save seen

    With --engine ray nothing is drawn; the same command again goes on where one was ended.
    """
    import os  # noqa: PLC0415

    from edge.demo.show import BUNDLE, TRUSTED_KEY  # noqa: PLC0415 - help must not wait for engines
    from edge.predict.pictures import find_pictures  # noqa: PLC0415
    from edge.predict.predictor import PredictorChoice, load_predictor  # noqa: PLC0415

    if trusted_keys and not bundles:
        raise EdgekitError("a --trusted-key says whose --bundle is trusted: name the bundle too")
    if bundles and not trusted_keys:
        raise EdgekitError("name the public key of the bundle's signer with --trusted-key")
    files = find_pictures(pictures)
    choice = PredictorChoice(
        bundles=tuple(bundles or [BUNDLE]),
        trusted_keys=tuple(trusted_keys or [TRUSTED_KEY]),
        backend=backend,
        score=score,
        formats=tuple(formats or ("All",)) if codes else (),
        requests=min(16, 2 * len(os.sched_getaffinity(0)), len(files)),
    )
    predictor = load_predictor(choice)
    if engine == "threads":
        _predict_here(files, predictor, choice.requests, save, as_json=as_json)
        return
    if save is None or as_json:
        raise EdgekitError("--engine ray writes lines of JSON into a folder: name it with --save, without --json")
    _predict_archive(files, predictor, choice, save, per_part=per_part, workers=workers, scratch=scratch)


def _predict_here(
    files: "list[PictureFile]", predictor: "Predictor", at_once: int, save: Path | None, *, as_json: bool
) -> None:
    from contextlib import ExitStack  # noqa: PLC0415

    from edge.new_folder import new_folder  # noqa: PLC0415
    from edge.predict.batch import predict_files  # noqa: PLC0415
    from edge.predict.pictures import check_names  # noqa: PLC0415
    from edge.predict.prediction import UnreadPicture  # noqa: PLC0415
    from edge.predict.saving import Saver  # noqa: PLC0415

    unread = 0
    with ExitStack() as stack:
        saver: Saver | None = None
        if save is not None:
            check_names(files)
            saver = stack.enter_context(Saver(stack.enter_context(new_folder(save))))
        for predicted in predict_files(predictor, files, at_once):
            unread += isinstance(predicted.said, UnreadPicture)
            if saver is not None:
                saver.save(predicted)
            print(predicted.said.to_json() if as_json else _told(predicted))
    if unread:
        raise EdgekitError(f"{unread} of {len(files)} pictures could not be read")


def _predict_archive(
    files: "list[PictureFile]",
    predictor: "Predictor",
    choice: "PredictorChoice",
    save: Path,
    *,
    per_part: int,
    workers: int | None,
    scratch: Path | None,
) -> None:
    import os  # noqa: PLC0415

    from edge.predict.archive import Order, Tally, digest_of, open_archive, sorted_paths  # noqa: PLC0415
    from edge.predict.on_ray import predict_archive  # noqa: PLC0415

    paths = sorted_paths(files)
    order = Order(
        pictures=len(paths),
        pictures_sha256=digest_of(paths),
        per_part=per_part,
        detector=predictor.finder.digest if predictor.finder is not None else None,
        classifier=predictor.namer.digest if predictor.namer is not None else None,
        score=choice.score,
        formats=choice.formats,
    )
    workers = workers or max(1, len(os.sched_getaffinity(0)) // 2)
    done = Tally()
    with open_archive(save, order) as archive:
        for done in predict_archive(archive, paths, choice, workers=workers, scratch=scratch):
            print(f"{done.pictures} of {len(paths)} pictures, {done.unread} of them could not be read", flush=True)
    if done.unread:
        raise EdgekitError(f"{done.unread} of {len(paths)} pictures could not be read; {save} tells which and why")


def _told(predicted: "Predicted") -> str:
    from edge.predict.prediction import UnreadPicture  # noqa: PLC0415
    from edge.predict.predictor import names_of  # noqa: PLC0415
    from edge.printable import printable  # noqa: PLC0415

    said = predicted.said
    if isinstance(said, UnreadPicture):
        return f"{said.picture}: {said.error.removeprefix(f'{said.picture} ')}"
    lines = [f"{said.picture}: {names_of(said.objects) or ('no object' if said.models.detector else 'seen')}"]
    lines += [f"  {tag.key} {tag.value} ({tag.score:.2f}, {tag.source.value})" for tag in said.tags]
    for one in said.objects:
        box = ", ".join(f"{edge:.0f}" for edge in one.xyxy)
        tags = "".join(f", {tag.key} {tag.value} ({tag.score:.2f})" for tag in one.tags)
        lines.append(f"  {one.label} ({one.score:.2f}) at {box}{tags}")
    lines += [f"  {code.symbology} {printable(code.text)} at {code.x:.0f}, {code.y:.0f}" for code in said.codes]
    return "\n".join(lines)
