"""Command a running box over MQTT and show its reply."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from edge.mqtt.command_messages import CommandName, ReplyMessage, ZoneStock
from edge.mqtt.wire import format_utc


def command(
    name: Annotated[CommandName, typer.Argument(help="What the box is to do.")],
    *,
    site: Annotated[str, typer.Option(help="The box's site.")],
    box: Annotated[str, typer.Option(help="The box's name.")],
    client: Annotated[str, typer.Option(help="A name that clients in the box's [commands] lists.")],
    camera: Annotated[str | None, typer.Option(help="Of pause, resume, snapshot, trigger, replay, teach.")] = None,
    score: Annotated[float | None, typer.Option(help="Of set_threshold, 0 to 1.")] = None,
    width_px: Annotated[int | None, typer.Option(help="Of snapshot: most columns.")] = None,
    bundle: Annotated[str | None, typer.Option(help="Of reload_bundle: below the box's folder of bundles.")] = None,
    model: Annotated[
        Literal["detector", "classifier"] | None, typer.Option(help="Of reload_bundle: which; else the detector.")
    ] = None,
    product: Annotated[str | None, typer.Option(help="Of teach and undo_teach.")] = None,
    snapshots: Annotated[int | None, typer.Option(min=1, max=8, help="Of teach: pictures to learn from.")] = None,
    trigger_id: Annotated[str | None, typer.Option(help="Of trigger: your name for it.")] = None,
    epoch: Annotated[str | None, typer.Option(help="Of replay.")] = None,
    first: Annotated[int | None, typer.Option("--from", help="Of replay: the first seq.")] = None,
    last: Annotated[int | None, typer.Option("--to", help="Of replay: the last seq.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Where snapshot's JPEG is written.")] = None,
    host: Annotated[str, typer.Option(help="Of the broker.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Of the broker.")] = 1883,
    protocol: Annotated[Literal["5", "3.1.1"], typer.Option(help="Of MQTT, that the broker speaks.")] = "5",
    username: Annotated[str | None, typer.Option(help="At the broker.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="A file that holds the password.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Who signs the broker's certificate, PEM; turns TLS on.")] = None,
    timeout_s: Annotated[float, typer.Option(help="How long to wait for the reply.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the reply as it came.")] = False,
) -> None:
    """Tell a box to do something; exit code 1 where it refuses or does not answer.

    Example: edgekit command snapshot --site hall --box box-1 --client ops --camera gate --picture gate.jpg
    """
    import base64  # noqa: PLC0415
    import uuid  # noqa: PLC0415

    from devices.validation import checked  # noqa: PLC0415
    from edge.mqtt.client import ask  # noqa: PLC0415
    from edge.mqtt.command_messages import CommandMessage  # noqa: PLC0415
    from edge.mqtt.commands import PICTURE  # noqa: PLC0415
    from edge.mqtt.section import Mqtt, Tls  # noqa: PLC0415 - help must not wait for the broker's library
    from edge.mqtt.topics import Topics  # noqa: PLC0415

    tls = checked(Tls, ca_file=ca_file) if ca_file else None
    login = {"username": username, "password_file": password_file}
    settings = checked(Mqtt, host=host, port=port, protocol=protocol, tls=tls, **login)
    asked = {"camera": camera, "score": score, "width_px": width_px, "bundle": bundle, "trigger_id": trigger_id}
    asked |= {"product": product, "snapshots": snapshots}
    span = {"model": model, "epoch": epoch, "first": first, "last": last}
    message = checked(CommandMessage, id=uuid.uuid4().hex, client=client, **asked, **span)
    reply = ask(settings, Topics(site, box), name, message, timeout_s)
    jpeg = reply.result.get(PICTURE)
    if picture is not None and isinstance(jpeg, str):
        picture.write_bytes(base64.b64decode(jpeg))
    if as_json:
        print(reply.to_json())
    else:
        print(f"{name.value}: {_told(reply)}")
    if not reply.ok:
        raise typer.Exit(1)


def _told(reply: ReplyMessage) -> str:
    """Return what a person wants to know of a reply: a line for each zone of a stocktake, else all on one."""
    from edge.mqtt.commands import PICTURE  # noqa: PLC0415

    if not reply.ok:
        return f"refused: {reply.error}"
    told: list[str] = []
    lines: list[str] = []
    for key, value in reply.result.items():
        if key == PICTURE:
            continue
        if not isinstance(value, tuple):
            told.append(f"{key} {value}")
            continue
        lines += [_line(zone) for zone in value if isinstance(zone, ZoneStock)]
    return "\n".join([", ".join(told) or ("" if lines else "done"), *lines]).strip()


def _line(zone: ZoneStock) -> str:
    """Return one zone of a stocktake."""
    known = ", ".join(f"{counted.tag} {counted.count}" for counted in zone.counts or ()) or "nothing"
    counts = "not known yet" if zone.counts is None else known
    when = f"seen {format_utc(zone.seen_at)}" if zone.seen_at is not None else "never seen"
    marks = [mark for mark, holds in (("stale", zone.stale), ("comparing", zone.comparing)) if holds]
    return f"{zone.camera}/{zone.zone}: " + "; ".join([counts, when, *marks])
