"""Consume a box's events: checked, without duplicates, acknowledged."""

import signal
import sqlite3
import threading
from pathlib import Path
from typing import Annotated, Literal

import typer

from edge.mqtt.messages import EventMessage
from edge.printable import printable


def subscribe(
    *,
    site: Annotated[str, typer.Option(help="The box's site.")],
    box: Annotated[str, typer.Option(help="The box's name.")],
    consumer: Annotated[str, typer.Option(help="A name that consumers in the box's [mqtt] lists.")],
    store: Annotated[Path, typer.Option(help="SQLite file that keeps what was consumed; created where missing.")],
    host: Annotated[str, typer.Option(help="Of the broker.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Of the broker.")] = 1883,
    protocol: Annotated[Literal["5", "3.1.1"], typer.Option(help="Of MQTT, that the broker speaks.")] = "5",
    username: Annotated[str | None, typer.Option(help="At the broker.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="A file that holds the password.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Who signs the broker's certificate, PEM; turns TLS on.")] = None,
    certificate_file: Annotated[Path | None, typer.Option(help="Own certificate for mutual TLS, PEM.")] = None,
    key_file: Annotated[Path | None, typer.Option(help="Its key, PEM.")] = None,
    seconds: Annotated[float | None, typer.Option(help="End after so long; otherwise when told to.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as it came, one a line.")] = False,
) -> None:
    """Consume a box's events as the named consumer, each once, and acknowledge them; the store keeps them in `events`.

    Example: edgekit subscribe --site hall --box box-1 --consumer sorter --store sorter.sqlite
    """
    from devices.validation import checked  # noqa: PLC0415
    from edge.mqtt.consumer import Consumer  # noqa: PLC0415
    from edge.mqtt.inbox import Inbox  # noqa: PLC0415
    from edge.mqtt.section import Mqtt, Tls  # noqa: PLC0415 - help must not wait for the broker's library
    from edge.mqtt.topics import Topics  # noqa: PLC0415

    files = {"ca_file": ca_file, "certificate_file": certificate_file, "key_file": key_file}
    tls = checked(Tls, **files) if any(files.values()) else None
    login = {"username": username, "password_file": password_file}
    settings = checked(Mqtt, host=host, port=port, protocol=protocol, tls=tls, **login)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _stack: stop.set())

    def show(event: EventMessage) -> None:
        print(event.to_json() if as_json else _line(event), flush=True)

    with Inbox(store, keep) as inbox:
        Consumer(settings, Topics(site, box), consumer, inbox, show).run(stop, seconds)


def keep(connection: sqlite3.Connection, event: EventMessage) -> None:
    """Keep an event in the store's table `events`: the simplest effect that there is."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS events (camera TEXT, epoch TEXT, seq INTEGER, body TEXT, "
        "PRIMARY KEY (camera, epoch, seq))"
    )
    row = (event.camera, event.epoch, event.seq, event.to_json())
    connection.execute("INSERT INTO events VALUES (?, ?, ?, ?)", row)


def _line(event: EventMessage) -> str:
    texts = ", ".join(printable(tag.value) for tag in event.tags if tag.key == "code")
    told = texts or (event.reason.value if event.reason else "")
    marks = " (replayed)" if event.replayed else ""
    return f"{event.captured_at.time:%H:%M:%S.%f} {event.camera} {event.seq} {event.kind.value} {told}".rstrip() + marks
