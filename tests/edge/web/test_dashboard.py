"""The shipped dashboard asks for nothing that no box tells: its metrics and labels are those of a real /metrics."""

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge.audit.tally import Counts
from edge.drift.judge import Off
from edge.runtime.keeping import Keeping
from edge.web.loop_metrics import loop_metrics


def wait_until(holds: Callable[[], object], timeout_s: float) -> None:
    end_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.1)


DASHBOARD = json.loads((Path(__file__).parents[3] / "systemd" / "grafana-dashboard.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
OF_A_SCRAPE = {"job", "instance"}


def of_the_loop() -> Keeping:
    """Return what a box that keeps, audits and watches would tell of it."""
    off = Off("brightness", 40.0, 90.0, datetime(2026, 11, 26, tzinfo=timezone.utc))
    parts = SimpleNamespace(
        cases=SimpleNamespace(kept={"no_read": 1}, missed={"disk": 1}, files=1, size_bytes=1),
        audit=SimpleNamespace(counts={"gate": Counts(told_right=1)}, waiting=(), given_way=0),
        drift=SimpleNamespace(off={"gate": (off,)}, learning={"gate": False}),
        agreements={("gate", True): 1},
    )
    return cast("Keeping", parts)


@pytest.fixture(scope="module")
def known(box: Any) -> dict[str, set[str]]:
    """Labels by the name of each metric that a box tells, once it has told an event."""
    found: dict[str, set[str]] = defaultdict(set, {"edgekit_consumer_unacknowledged_events": {"consumer"}})  # has none
    wait_until(lambda: b"edgekit_events_total{" in box.client.get("/metrics").body, 60)
    told = box.client.get("/metrics").body.decode()
    for family in (*text_string_to_metric_families(told), *loop_metrics(of_the_loop())):
        for sample in family.samples:
            found[sample.name] |= set(sample.labels)
    return found


def test_each_panel_asks_for_metrics_and_labels_that_a_box_tells(known: dict[str, set[str]]):
    for panel in PANELS:
        assert panel["targets"]
        for target in panel["targets"]:
            expression, title = target["expr"], panel["title"]
            asked = set(re.findall(r"\b(edgekit_\w+)", expression))
            assert asked or "up{" in expression, title
            assert asked <= known.keys(), title
            allowed = {label for name in asked for label in known[name]} | OF_A_SCRAPE
            matched = set(re.findall(r'(\w+)=~?"', expression))
            grouped = {label.strip() for by in re.findall(r"by \(([^)]*)\)", expression) for label in by.split(",")}
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert matched | grouped | shown <= allowed, title


def test_panels_lie_side_by_side_and_have_numbers_of_their_own():
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        columns, rows = range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
        cells = {(x, y) for x in columns for y in rows}
        assert not cells & taken
        assert columns.stop <= 24
        taken |= cells
