"""The page of a real box over real HTTP: who is let in, what it tells, what it changes, and what it costs."""

import base64
import json
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge.config import load_config

Make = Callable[..., Any]


def test_a_stranger_gets_the_login_the_health_and_nothing_else(box: Any):
    stranger = box.stranger
    assert stranger.get("/").status == 303
    assert stranger.get("/").headers["location"] == "/login"
    assert b"token" in stranger.get("/login").body
    for path in ("/metrics", "/api/box", "/api/events", "/api/cameras/gate/scene", "/api/cameras/gate/drawing", "/x"):
        assert stranger.get(path).status == 401
    assert stranger.get("/api/box", Authorization="Bearer wrong").status == 401
    assert stranger.get("/api/box", Cookie="edgekit=99999999999.00").status == 401
    assert stranger.send("PUT", "/api/cameras/gate/drawing", {}).status == 401
    assert stranger.send("POST", "/api/restart").status == 401
    assert stranger.send("POST", "/login", {"token": "wrong"}).status == 401


def test_health_is_for_everybody_and_names_nobody(box: Any, eventually: Make):
    eventually(lambda: box.stranger.get("/healthz").status == 200)
    assert box.stranger.get("/healthz").json() == {"ok": True, "reasons": []}


def test_a_login_is_remembered_by_a_cookie_that_scripts_and_other_sites_cannot_use(box: Any):
    token = box.client.headers["Authorization"].removeprefix("Bearer ")
    answer = box.stranger.send("POST", "/login", {"token": token})
    assert answer.status == 204
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert token not in cookie
    session = cookie.partition(";")[0]
    assert box.stranger.get("/api/box", Cookie=session).status == 200
    assert b"overlay" in box.stranger.get("/", Cookie=session).body
    forged = session[:-1] + ("0" if session[-1] != "0" else "1")
    assert box.stranger.get("/api/box", Cookie=forged).status == 401


@pytest.mark.parametrize("path", ["/", "/login", "/static/main.js", "/api/box", "/healthz", "/nothing"])
def test_every_answer_carries_the_headers_that_guard_it(box: Any, path: str):
    headers = box.client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert headers["server"].strip() == "edgekit"


def test_the_page_asks_nobody_but_the_box_and_has_no_script_in_its_markup():
    for file in (Path(__file__).parents[3] / "edge" / "web" / "static").iterdir():
        text = file.read_text()
        assert set(re.findall(r"https?://[^\"' )]*", text)) <= {"http://www.w3.org/2000/svg"}, file
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=\"|\sstyle=|innerHTML", text), file


@pytest.mark.parametrize(
    "path",
    ["/static/../site.py", "/static/..%2fsite.py", "/static/%2e%2e/site.py", "/../token", "//etc/passwd", "/static/"],
)
def test_nothing_but_the_page_own_files_can_be_asked_for(box: Any, path: str):
    assert box.client.get(path).status == 404


def test_what_changes_something_must_come_from_the_page_itself(box: Any):
    client, path = box.client, "/api/restart"
    assert client.ask("POST", path, b"a=b", Content_Type="application/x-www-form-urlencoded").status == 415
    assert client.ask("POST", path, b"{}").status == 415
    assert client.send("POST", path, Origin="http://evil.example").status == 403
    assert client.send("POST", path, Origin="null").status == 403
    assert client.send("POST", path, Sec_Fetch_Site="cross-site").status == 403
    assert client.send("POST", "/login", {"token": "x"}, Origin="http://evil.example").status == 403
    assert "starts anew" not in box.log


def test_a_body_that_is_too_large_or_of_no_told_length_is_refused(box: Any):
    client = box.client
    assert client.ask("PUT", "/x", b"x" * 300_000, Content_Type="application/json").status == 413
    assert client.ask("PUT", "/x", None, Transfer_Encoding="chunked", Content_Type="application/json").status == 411
    assert client.ask("PUT", "/x", None, Content_Length="many", Content_Type="application/json").status == 400


def test_the_box_tells_how_it_does(box: Any, eventually: Make):
    eventually(lambda: box.client.get("/api/box").json()["cameras"][0]["frames"] > 5)
    told = box.client.get("/api/box").json()
    assert (told["site"], told["box"], told["connected"]) == ("hall", "box-1", True)
    assert told["model"]["name"] == "edgekit-demo"
    assert told["model"]["precision"] == "int8"
    assert told["cameras"][0]["state"] == "streaming"
    assert len(told["latency"]["p50_ms"]) == 120
    assert any(told["latency"]["p99_ms"])


def test_a_picture_comes_with_what_was_found_in_it_and_masked(box: Any, eventually: Make):
    found: list[Any] = []

    def holds_parcels() -> bool:
        found[:] = [box.client.get("/api/cameras/gate/scene?width=640").json()]
        return found[0]["inferred"] and bool(found[0]["items"])

    eventually(holds_parcels, 30)
    scene = found[0]
    picture = np.asarray(cv2.imdecode(np.frombuffer(base64.b64decode(scene["jpeg"]), np.uint8), cv2.IMREAD_COLOR))
    assert picture.shape == (360, 640, 3)
    masked = picture[: int(0.19 * 360), : int(0.19 * 640)]
    assert masked.max() < 30
    assert picture.mean() > 40
    assert {item["label"] for item in scene["items"]} <= {"carton", "barcode", "qr"}
    for item in scene["items"]:
        assert all(0 <= side <= 1 for side in item["box"])


def test_the_aiming_view_is_masked_too_and_measures_the_codes(box: Any, eventually: Make):
    codes: list[Any] = []

    def reads() -> bool:
        aim = box.client.get("/api/cameras/gate/aim").json()
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(aim["scene"]["jpeg"]), np.uint8), cv2.IMREAD_COLOR)
        assert np.asarray(picture)[:60, :100].max() < 30
        codes.extend(aim["codes"])
        return bool(codes)

    eventually(reads, 40)
    assert all(1.5 < code["module_px"] < 10 and code["advice"] is None for code in codes)


def test_events_come_as_they_happen_and_those_before_are_told_first(box: Any, eventually: Make):
    eventually(lambda: box.client.metric("edgekit_events_total") >= 1, 40)
    with socket.create_connection(("127.0.0.1", box.port), 30) as connection:
        token = box.client.headers["Authorization"]
        request = f"GET /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n\r\n"
        connection.sendall(request.encode())
        stream = connection.makefile("rb")
        assert stream.readline().startswith(b"HTTP/1.1 200")
        line = next(line for line in stream if line.startswith(b"data: "))
    event = json.loads(line.removeprefix(b"data: "))
    assert (event["seq"], event["camera"]) == (1, "gate")
    assert event["kind"] in {"read", "no_read", "multi_read"}


def test_metrics_are_whole_and_their_labels_bounded(box: Any, eventually: Make):
    eventually(lambda: box.client.metric("edgekit_frames_total") > 5)
    families = {
        family.name: family for family in text_string_to_metric_families(box.client.get("/metrics").body.decode())
    }
    for name in (
        "edgekit_frames", "edgekit_frames_dropped", "edgekit_stage_seconds", "edgekit_events", "edgekit_outbox_events",
        "edgekit_outbox_discarded", "edgekit_broker_connected", "edgekit_camera_state", "edgekit_frames_in_flight",
        "process_resident_memory_bytes",
    ):  # fmt: skip
        assert name in families, name
    states = families["edgekit_camera_state"].samples
    assert [sample.labels["state"] for sample in states if sample.value == 1] == ["streaming"]
    causes = {sample.labels["cause"] for sample in families["edgekit_frames_dropped"].samples}
    assert causes == {"superseded", "damaged", "blind"}
    stages = families["edgekit_stage_seconds"].samples
    totals = [sample for sample in stages if sample.labels.get("stage") == "total"]
    buckets = [sample.value for sample in totals if sample.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    assert [sample.value for sample in totals if sample.name.endswith("_count")] == [buckets[-1]]
    assert buckets[-1] > 0
    allowed = {"camera", "kind", "cause", "stage", "state", "le", "consumer"}
    for name, family in families.items():
        if name.startswith("edgekit_") and name != "edgekit_info":  # of which there is exactly one
            assert all(set(sample.labels) <= allowed for sample in family.samples), name


def test_an_event_is_confirmed_once_and_what_people_said_is_in_the_metrics(box: Any, eventually: Make):
    client = box.client
    eventually(lambda: len(client.get("/api/audit").json()["waiting"]) >= 2, 60)
    case = client.get("/api/audit").json()["waiting"][0]
    path = f"/api/audit/{case['id']}"
    picture = client.get(f"{path}/picture")
    assert picture.headers["content-type"] == "image/jpeg"
    assert cv2.imdecode(np.frombuffer(picture.body, np.uint8), cv2.IMREAD_COLOR) is not None
    for refused in ({}, {"verdict": "maybe"}, {"verdict": "wrong", "correct": {"code": "a\nb"}}, {"verdict": 1}):
        assert client.send("POST", path, refused).status == 400
    assert client.send("POST", path, {"verdict": "wrong", "correct": {"code": "x" * 300}}).status == 400
    said = {"verdict": "right"}
    assert client.send("POST", path, said).json() == {"repeated": False}
    assert client.send("POST", path, said).json() == {"repeated": True}
    assert client.send("POST", path, {"verdict": "wrong"}).status == 409
    assert client.send("POST", "/api/audit/made-up", said).status == 404
    assert client.get(f"{path}/picture").status == 404
    assert client.metric("edgekit_audit_answers_total") == 1
    told = client.get("/metrics").body.decode()
    if case["kind"] != "no_read":
        assert 'edgekit_audit_share{bound="value",camera="gate",figure="precision"} 1.0' in told
    for asked in (("GET", "/api/audit"), ("GET", "/audit"), ("GET", f"{path}/picture"), ("POST", path)):
        assert box.stranger.send(*asked, said if asked[0] == "POST" else None).status == 401


def test_nobody_looks_and_no_picture_is_made(box: Any, eventually: Make):
    client = box.client
    client.get("/api/cameras/gate/scene")
    made = client.metric("edgekit_page_pictures_total")
    frames = client.metric("edgekit_frames_total")
    eventually(lambda: client.metric("edgekit_frames_total") >= frames + 10, 30)
    assert client.metric("edgekit_page_pictures_total") == made
    client.get("/api/cameras/gate/scene")
    assert client.metric("edgekit_page_pictures_total") == made + 1


def test_many_who_look_cost_no_more_pictures_than_ten_a_second(box: Any):
    client = box.client
    made, began_s = client.metric("edgekit_page_pictures_total"), time.monotonic()
    for _ in range(15):
        client.get("/api/cameras/gate/scene?width=320")
    # One at a time, so each got a picture of its own: never faster than the bound.
    assert client.metric("edgekit_page_pictures_total") - made <= 10 * (time.monotonic() - began_s) + 2


def drawing(box: Any) -> Any:
    return box.client.get("/api/cameras/gate/drawing").json()


def put(box: Any, content: Any) -> Any:
    keys = ("revision", "lines", "shelves", "masks")
    return box.client.send("PUT", "/api/cameras/gate/drawing", {key: content[key] for key in keys})


def test_a_drawing_that_is_not_allowed_changes_nothing_and_says_why(box: Any):
    before, now = box.toml.read_bytes(), drawing(box)
    line = now["lines"][0]
    refused = [
        ({**now, "lines": [{**line, "start": [0.5, 1.5]}]}, "lines[0].start"),
        ({**now, "lines": [{**line, "name": "a/b"}]}, "lines[0].name"),
        ({**now, "lines": [line, line]}, "two lines or shelves have the same name"),
        ({**now, "lines": [{**line, "end": line["start"]}]}, "same point"),
        ({**now, "shelves": [{"name": "s", "rectangle": [0.1, 0.1, 0.5, 0.5], "expected": ["unicorn"]}]}, "unicorn"),
        ({**now, "masks": [[[0, 0], [1, 1]]]}, "masks[0]"),
        ({**now, "lines": [{**line, "colour": "red"}]}, "unknown key"),
    ]
    for content, word in refused:
        answer = put(box, content)
        assert answer.status == 400, content
        assert word in answer.json()["error"], answer.json()
    stale = put(box, {**now, "revision": "0" * 16})
    assert stale.status == 409
    assert "changed meanwhile" in stale.json()["error"]
    assert box.toml.read_bytes() == before
    assert sorted(path.name for path in box.folder.glob("*box.toml*")) == ["box.toml"]


def test_a_drawing_is_saved_with_comments_the_previous_kept_and_in_force_after_a_restart(box: Any, eventually: Make):
    before, now = box.toml.read_text(), drawing(box)
    assert (now["in_force"], now["locked"]) == (True, None)
    wanted = {
        **now,
        "lines": [{**now["lines"][0], "start": [0.5, 1.0]}],
        "shelves": [{"name": "top", "rectangle": [0.6, 0.1, 0.9, 0.4], "expected": ["carton"], "min": 2}],
        "masks": [*now["masks"], [[0.8, 0.8], [1.0, 0.8], [1.0, 1.0]]],
    }
    saved = put(box, wanted)
    assert saved.status == 200, saved.body
    assert saved.json()["in_force"] is False
    text = box.toml.read_text()
    for comment in ("# the box at the gate", "# the diverter's line", "# as measured in May"):
        assert comment in text
    assert (box.folder / "box.toml.previous").read_text() == before
    camera = load_config(box.toml).cameras[0]
    assert camera.lines[0].start == (0.5, 1.0)
    assert (camera.shelves[0].rectangle, camera.shelves[0].least) == ((0.6, 0.1, 0.9, 0.4), 2)
    assert len(camera.masks) == 2
    run = box.client.get("/api/box").json()["run_id"]
    assert box.client.send("POST", "/api/restart").status == 204

    def anew() -> bool:
        try:
            return box.client.get("/api/box").json()["run_id"] != run
        except OSError:
            return False

    eventually(anew, 40)
    assert drawing(box)["in_force"] is True
    scenes: list[Any] = []
    eventually(lambda: scenes.append(box.client.get("/api/cameras/gate/scene")) or scenes[-1].status == 200, 30)
    assert [zone["zone"] for zone in scenes[-1].json()["stock"]] == ["top"]


def test_under_a_service_manager_a_restart_ends_the_process_for_the_manager_to_start_the_next(
    start: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        box = start()
        while not heard.recv(1000).startswith(b"READY=1"):
            pass  # first it tells what it is loading
        assert box.client.send("POST", "/api/restart").status == 204
        assert box.process.wait(60) == 0
