"""Pictures from outside: what the box's models say of them, who may send them, and that cameras come first."""

import contextlib
import http.client
import json
import re
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from openapi_spec_validator import validate

from edge.demo.show import BUNDLE
from edge.predict.prediction import Prediction
from edge.predict.predictor import Predictor
from edge.web.exchange import Request
from edge.web.openapi import openapi
from edge.web.predicting import PATH, PredictionDesk
from edge.web.section import Predict

Make = Callable[..., Any]
MOST_MB = 220  # while a picture is looked at
PARCELS = (BUNDLE / "self-test.jpg").read_bytes()


def png(width: int, height: int, rows: int) -> bytes:
    """Return a PNG of one colour that says how large it is, and holds so many rows."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\x00\x00\x00"
    squeezed = zlib.compressobj(9)
    content = b"".join(squeezed.compress(bytes(1 + 3 * width)) for _ in range(rows)) + squeezed.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def test_who_shows_the_token_is_told_what_the_boxs_models_see(box: Any):
    answer = box.client.ask("POST", PATH, PARCELS, Content_Type="image/jpeg")
    assert answer.status == 200, answer.body
    said = Prediction.model_validate_json(answer.body)
    assert sum(one.label == "carton" for one in said.objects) == 4
    assert {code.text for code in said.codes} == {"SI45562089"}
    assert said.models.detector == box.client.get("/api/box").json()["model"]["digest"]


def test_a_stranger_and_another_sites_page_are_turned_away_before_the_picture_is_read(box: Any):
    large = bytes(900_000)
    assert box.stranger.ask("POST", PATH, large, Content_Type="image/jpeg").status == 401
    wrong = box.stranger.ask("POST", PATH, large, Content_Type="image/jpeg", Authorization="Bearer wrong")
    assert wrong.status == 401
    there = box.client.ask("POST", PATH, PARCELS, Content_Type="image/jpeg", Origin="http://evil.example")
    assert there.status == 403
    for kind in ("application/json", "multipart/form-data", "text/plain", "image/svg+xml", "image/jpegs"):
        assert box.client.ask("POST", PATH, PARCELS, Content_Type=kind).status == 415
    assert box.client.get(PATH).status == 404


def test_what_is_too_large_or_no_picture_is_refused_and_nothing_of_it_is_decoded(box: Any):
    ask = box.client.ask
    assert ask("POST", PATH, bytes(1_100_000), Content_Type="image/png").status == 413
    bomb = png(20_000, 20_000, 50)  # says 400 megapixels; with all its rows it would have a megabyte
    answer = ask("POST", PATH, bomb, Content_Type="image/png")
    assert answer.status == 413
    assert "20000 x 20000" in answer.json()["error"]
    assert ask("POST", PATH, b"", Content_Type="image/png").status == 400
    assert ask("POST", PATH, b"GIF89a" + bytes(100), Content_Type="image/png").status == 415
    assert ask("POST", PATH, PARCELS[:600], Content_Type="image/jpeg").status in (400, 415)
    assert ask("POST", PATH, png(640, 480, 0), Content_Type="image/png").status in (200, 400)  # libpng fills rows in
    assert ask("POST", PATH, PARCELS, Content_Type="image/jpeg").status == 200


def memory_mb(box: Any, field: str) -> float:
    """Return a field of what the kernel tells of a box's memory."""
    status = Path(f"/proc/{box.process.pid}/status").read_text()
    return int(re.findall(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)[0]) / 1000


def test_a_picture_of_24_megapixels_takes_bounded_memory_and_leaves_none_of_it(box: Any, eventually: Make):
    colours = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    large = cv2.resize(colours, (6000, 4000), interpolation=cv2.INTER_CUBIC)
    coded = cv2.imencode(".jpg", large, [cv2.IMWRITE_JPEG_QUALITY, 30])[1].tobytes()
    assert box.client.ask("POST", PATH, PARCELS, Content_Type="image/jpeg").status == 200
    before_mb = memory_mb(box, "VmRSS")
    Path(f"/proc/{box.process.pid}/clear_refs").write_text("5")  # the highest so far begins anew

    def answered() -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):  # cut off: a busy machine had no time for it
            return box.client.ask("POST", PATH, coded, Content_Type="image/jpeg").status == 200
        return False

    eventually(answered, 120)
    assert memory_mb(box, "VmHWM") - before_mb < MOST_MB
    eventually(lambda: memory_mb(box, "VmRSS") - before_mb < 20)


def desk(occupied: Callable[[], bool], predictor: Predictor | None = None) -> PredictionDesk:
    now = [0.0]

    def clock() -> float:
        now[0] += 0.5
        return now[0]

    return PredictionDesk(Predict(), lambda: predictor or Predictor(None, None, None), occupied, clock)


def test_a_picture_waits_for_the_cameras_and_is_sent_away_where_they_need_all_there_is():
    request = Request("POST", PATH, body=PARCELS)
    frames = [True, True, False]
    assert desk(lambda: frames.pop(0)).answer(request).status == 200
    assert frames == []
    busy = desk(lambda: True)
    answer = busy.answer(request)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert (busy.answered, busy.turned_away) == (0, 1)


def test_pictures_are_looked_at_one_after_the_other():
    inside, most = [0], [0]
    go = threading.Event()

    def occupied() -> bool:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        go.wait(0.2)
        inside[0] -= 1
        return False

    shared = desk(occupied)
    image = np.asarray(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1], np.uint8).tobytes()
    answers: list[int] = []

    def ask() -> None:
        answers.append(shared.answer(Request("POST", PATH, body=image)).status)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == [200, 200, 200]
    assert most == [1]


def test_the_document_is_valid_and_served_and_answers_are_what_it_says(box: Any):
    document = openapi()
    validate(json.loads(json.dumps(document)))
    assert box.client.get("/v1/openapi.json").json() == document
    assert box.stranger.get("/v1/openapi.json").status == 401
    schemas = document["components"]["schemas"]
    assert set(schemas["Prediction"]["required"]) == set(schemas["Prediction"]["properties"])


@pytest.mark.parametrize("status", ["400", "401", "403", "411", "413", "415", "503"])
def test_each_refusal_is_told_in_the_document(status: str):
    assert status in openapi()["paths"][PATH]["post"]["responses"]
