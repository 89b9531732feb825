"""Show the whole way from pictures to tags on a rendered conveyor; needs no camera, broker or network."""

import json
import logging
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devices.errors import EdgekitError

if TYPE_CHECKING:
    from edge.demo.show import Demonstration


class Engine(str, Enum):
    """The engines that a person can ask for."""

    AUTO = "auto"
    OPENVINO = "openvino"
    ONNXRUNTIME = "onnxruntime"


_LOOK = "{:<42} {:<39} {:>5}  {:<39} {}"
_COLUMNS = "{:>4}  {:>7}  {:<10} {:<11} {:<26} {:>6}"


def demo(
    *,
    clip: Annotated[Path | None, typer.Option(help="Another clip, its ground truth beside it as .json.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="Another bundle.")] = None,
    trusted_key: Annotated[Path | None, typer.Option(help="Public key of that bundle's signer.")] = None,
    backend: Annotated[Engine, typer.Option(help="The inference engine.")] = Engine.AUTO,
    shop: Annotated[
        Path | None,
        typer.Option(metavar="SET", help="Show the bundled classifier photos of this set's val part, and strangers."),
    ] = None,
    picture: Annotated[Path, typer.Option(help="Where to save a picture with boxes and texts.")] = Path("demo.jpg"),
    as_json: Annotated[bool, typer.Option("--json", help="Print score and figures as JSON, and no table.")] = False,
) -> None:
    """Run the sample clip through the runtime to an embedded broker, show the tags that arrive, and score them.

    Example: edgekit demo
    """
    if shop:
        if clip or bundle or trusted_key:
            raise EdgekitError("--shop has its own model and no clip: leave --clip, --bundle and --trusted-key out")
        _show_shop(picture, shop, backend, as_json=as_json)
        return
    # Engines and codecs take a second to load, which `--help` need not wait for.
    from edge.demo import show  # noqa: PLC0415
    from edge.mqtt.messages import EventMessage  # noqa: PLC0415

    for name in ("edge", "iotcore"):  # the table says what their logs would
        logging.getLogger(name).setLevel(logging.WARNING)
    played = clip or show.CLIP
    truth = show.load_truth(played)

    def tell(event: EventMessage) -> None:
        codes = [tag for tag in event.tags if tag.key == "code"]
        text = ", ".join(code.value for code in codes) or (event.reason.value if event.reason else "")
        symbology = codes[0].symbology if codes else ""
        second = f"{event.frame.index / truth.fps:.1f}" if event.frame else ""
        latency = f"{event.latency_ms.total:.0f}" if event.latency_ms.total is not None else ""
        print(_COLUMNS.format(event.seq, second, event.kind.value, symbology or "", text, latency), flush=True)

    if not as_json:
        print(f"{played.name}: {truth.frames} frames, {len(truth.parcels)} parcels; tags as they arrive over MQTT\n")
        print(_COLUMNS.format("seq", "second", "kind", "symbology", "text or reason", "ms"))
    result = show.run_demo(
        picture,
        on_event=(lambda _event: None) if as_json else tell,
        clip=played,
        truth=truth,
        bundle=bundle or show.BUNDLE,
        trusted_key=trusted_key or show.TRUSTED_KEY,
        backend=backend.value,
    )
    if as_json:
        _print_json(result)
    else:
        _print_score(result, picture)
    if not result.passed:
        raise typer.Exit(1)


def _show_shop(picture: Path, tagged_set: Path, backend: Engine, *, as_json: bool) -> None:
    from edge.demo.shop import run_shop  # noqa: PLC0415 - help must not wait for engines
    from edge.demo.shop_pictures import pictures_of_set, strangers  # noqa: PLC0415

    result = run_shop(picture, (*pictures_of_set(tagged_set), *strangers()), backend.value)
    if as_json:
        looks = [asdict(look) for look in result.looks]
        print(json.dumps({"looks": looks, "ms": result.ms, "engine": result.engine, "accuracy": result.accuracy}))
        return
    print(_LOOK.format("picture", "shows", "score", "told", "category"))
    for look in result.looks:
        told, category = look.told or "unknown", look.category or "unknown"
        print(_LOOK.format(look.file, look.shown or "nothing learnt", f"{look.score:.2f}", told, category))
    print(f"\n{result}\npicture: {picture}")


def _print_score(result: "Demonstration", picture: Path) -> None:
    score, summary = result.score, result.summary
    print(
        f"\nparcels: {score.parcels}, with exactly one event: {score.seen}; read {score.read} of {score.readable} "
        f"readable ones, told as not read {score.no_read} of {score.parcels - score.readable} others; "
        f"wrong texts: {len(score.wrong)}, events of no parcel: {score.surplus}"
    )
    for title, rows in (("without an event", score.missed), ("readable but not read", score.unread)):
        if rows:
            print(f"{title}: parcels {', '.join(map(str, rows))}")
    for number, text in score.wrong:
        print(f"wrong: parcel {number} was told as {text}")
    decision = ", ".join(f"{name} {value:.0f}" for name, value in summary.decision_ms.items())
    first = f"{result.first_event_s:.1f} s after the start" if result.first_event_s is not None else "never"
    print(
        f"{summary.frames} frames in {summary.seconds:.1f} s, {summary.frames_per_second:.0f} a second"
        f"{'' if result.keeps_pace else ', slower than the clip was recorded'}; first event "
        f"{first}; from frame to committed event, ms: {decision or 'none'}"
    )
    print(f"picture: {picture}\n{'passed' if result.passed else 'failed'}")


def _print_json(result: "Demonstration") -> None:
    print(
        json.dumps(
            {
                "passed": result.passed,
                "score": asdict(result.score),
                "summary": asdict(result.summary),
                "keeps_pace": result.keeps_pace,
                "frames_per_second": round(result.summary.frames_per_second, 1),
                "first_event_s": result.first_event_s,
            }
        )
    )
