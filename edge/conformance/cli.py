"""Test a consumer of one's own against a scripted box: what it acknowledges, and when."""

import json
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from edge.conformance.scenarios import Scenario


def conformance(
    *,
    consumer: Annotated[str, typer.Option(help="The name under which the client acknowledges.")],
    site: Annotated[str, typer.Option(help="Of the box that is played.")] = "conformance",
    box: Annotated[str, typer.Option(help="The box that is played.")] = "box-1",
    host: Annotated[str | None, typer.Option(help="Of a broker; without, one is started on a loopback port.")] = None,
    port: Annotated[int, typer.Option(help="Of the broker.")] = 1883,
    protocol: Annotated[Literal["5", "3.1.1"], typer.Option(help="Of MQTT, that the broker speaks.")] = "5",
    username: Annotated[str | None, typer.Option(help="At the broker.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="A file that holds the password.")] = None,
    effects: Annotated[Path | None, typer.Option(help="The client's report of its effects, a JSON line each.")] = None,
    answer_s: Annotated[float, typer.Option(help="How long an acknowledgement may take.")] = 10.0,
    client_s: Annotated[float, typer.Option(help="How long to wait for the client's first.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> None:
    """Play a box for a client that you start beside this, and say which rules it breaks; exit code 1 where it does.

    The client reads `events` or `plc` of the box and acknowledges as CONSUMER. Whether an event has effect once is
    checked where the client reports each effect as {"camera": …, "epoch": …, "seq": …}: to the topic
    ROOT/effects/CONSUMER, or a line each to --effects.

    Example: edgekit conformance --consumer sorter --host 127.0.0.1 --effects effects.jsonl
    """
    from devices.validation import checked  # noqa: PLC0415
    from edge.conformance.scripted_box import Patience  # noqa: PLC0415
    from edge.conformance.trial import try_client  # noqa: PLC0415
    from edge.mqtt.broker import EmbeddedBroker  # noqa: PLC0415
    from edge.mqtt.section import Mqtt  # noqa: PLC0415 - help must not wait for the broker's library
    from edge.mqtt.topics import Topics  # noqa: PLC0415

    out = sys.stderr if as_json else sys.stdout

    def tell(scenario: "Scenario") -> None:
        print(f"{scenario.name} …", flush=True, file=out)

    with ExitStack() as stack:
        if host is None:
            broker = stack.enter_context(EmbeddedBroker(protocol))
            host, port = broker.host, broker.port
        login = {"username": username, "password_file": password_file}
        settings = checked(Mqtt, host=host, port=port, protocol=protocol, **login)
        topics = Topics(site, box)

        def ready() -> None:
            print(f"start your client now: broker {host}:{port}, events on {topics.events('+')}", flush=True, file=out)

        patience = Patience(answer_s=answer_s, client_s=client_s)
        verdict = try_client(settings, topics, consumer, patience=patience, effects=effects, ready=ready, tell=tell)
    if as_json:
        print(json.dumps({"passed": verdict.passed, **asdict(verdict)}))
    else:
        for fault in verdict.faults:
            print(f"{fault.scenario}: {fault.rule.value}: {fault.detail}")
        unchecked = "" if verdict.effects_checked else "; effects were not reported, so not checked"
        print(f"{'passed' if verdict.passed else 'failed'}: {len(verdict.scenarios)} scenarios{unchecked}")
    if not verdict.passed:
        raise typer.Exit(1)
