"""The page in a real browser: drawn on with mouse and finger, on a phone's width, and without an error."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, ViewportSize, sync_playwright

from edge.config import load_config

Make = Callable[..., Any]

WIDE = ViewportSize(width=1360, height=900)
PHONE = ViewportSize(width=390, height=844)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Seen:
    """A page that is logged in, and all that it complained of or asked for."""

    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list[str])
    hosts: set[str] = field(default_factory=set[str])


@pytest.fixture(scope="module")
def seen(box: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """Log in with the token, in one browser for the whole module."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("browser"), executable_path=chromium, args=FLAGS, viewport=WIDE, has_touch=True
        )
        context.set_default_timeout(30_000)
        page = context.pages[0]
        found = Seen(page, context)
        page.on("console", lambda message: found.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        page.on("request", lambda request: found.hosts.add(urlsplit(request.url).netloc))
        page.goto(f"http://127.0.0.1:{box.port}/")
        assert overflow(page) == 0
        page.fill("#token", box.client.headers["Authorization"].removeprefix("Bearer "))
        page.click("text=Log in")
        page.wait_for_selector("#picture[src]")
        yield found
        context.close()


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def points(page: Page, *shares: tuple[float, float]) -> list[tuple[float, float]]:
    """Return places on the picture in the window's pixels."""
    box = page.locator("#drawing").bounding_box()
    assert box is not None
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in shares]


def drag(page: Page, *shares: tuple[float, float]) -> None:
    first, *rest = points(page, *shares)
    page.mouse.move(*first)
    page.mouse.down()
    for place in rest:
        page.mouse.move(*place, steps=3)
    page.mouse.up()


def swipe(seen: Seen, *shares: tuple[float, float]) -> None:
    """Draw with a finger."""
    protocol = seen.context.new_cdp_session(seen.page)
    first, *rest = points(seen.page, *shares)

    def touch(kind: str, place: tuple[float, float] | None) -> None:
        spots = [{"x": place[0], "y": place[1]}] if place else []
        protocol.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})

    touch("touchStart", first)
    for place in rest:
        touch("touchMove", place)
    touch("touchEnd", None)


def mode(page: Page, name: str) -> None:
    page.click(f"[data-mode={name}]")


def test_boxes_texts_events_and_latency_are_shown_as_they_come(seen: Seen):
    page = seen.page
    mode(page, "watch")
    page.wait_for_selector("#overlay .found.read, #overlay .found.undecided, #overlay .found.not-read")
    page.wait_for_selector("#events li .kind")
    page.wait_for_selector("#health.good >> text=all well")
    page.wait_for_selector("#overlay .shape.line", state="attached")  # upright, so it has no width to be seen by
    assert "line" in (page.text_content("#overlay .shape-name") or "")
    assert page.get_attribute("#latency .p50", "d")
    assert "edgekit-demo" in page.inner_text("#box-facts")
    source = page.get_attribute("#picture", "src")
    page.wait_for_function("before => document.getElementById('picture').src !== before", arg=source)


def test_the_aiming_view_shows_pixels_a_module_focus_and_glare(seen: Seen):
    page = seen.page
    mode(page, "aim")
    page.wait_for_selector("#codes li")
    assert "px a module" in page.inner_text("#codes li >> nth=0")
    meters = page.inner_text("#meters")
    assert all(word in meters for word in ("Pixels a module", "Focus", "Glare"))
    page.wait_for_selector("#overlay .aimed")


def test_nothing_is_wider_than_a_phone_in_light_and_dark(seen: Seen):
    page = seen.page
    page.set_viewport_size(PHONE)
    grounds: set[str] = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        grounds.add(str(page.evaluate("getComputedStyle(document.body).backgroundColor")))
        for name in ("watch", "draw", "aim"):
            mode(page, name)
            assert overflow(page) == 0, name
    assert len(grounds) == 2
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(WIDE)


def test_what_is_drawn_with_mouse_and_finger_is_saved_in_box_toml(seen: Seen, box: Any):
    page = seen.page
    mode(page, "draw")
    page.click("[data-tool=line]")
    drag(page, (0.3, 0.9), (0.3, 0.5), (0.3, 0.1))
    page.select_option("#shapes li.line.selected select", "left_to_right")
    page.click("[data-tool=shelf]")
    swipe(seen, (0.6, 0.2), (0.7, 0.4), (0.8, 0.6))
    page.fill("#shapes li.shelf [aria-label=Name]", "top-left")
    page.fill("#shapes li.shelf [aria-label='Expected classes']", "carton")
    page.fill("#shapes li.shelf [aria-label=min]", "2")
    page.click("[data-tool=mask]")
    drag(page, (0.85, 0.8), (0.95, 0.95))
    drag(page, (0.9, 0.8), (0.9, 0.7))  # the middle of its upper side becomes a corner
    before = box.toml.read_text()
    page.click("#save")
    page.wait_for_selector("text=not in force yet")
    camera = load_config(box.toml).cameras[0]
    drawn = camera.lines[1]
    assert (drawn.name, drawn.direction) == ("line-1", "left_to_right")
    assert (*drawn.start, *drawn.end) == pytest.approx((0.3, 0.9, 0.3, 0.1), abs=0.005)
    shelf = camera.shelves[0]
    assert (shelf.name, shelf.expected, shelf.least) == ("top-left", ("carton",), 2)
    assert shelf.rectangle == pytest.approx((0.6, 0.2, 0.8, 0.6), abs=0.005)
    assert len(camera.masks) == 2
    assert camera.masks[1][1] == pytest.approx((0.9, 0.7), abs=0.01)
    assert len(camera.masks[1]) == 5
    assert camera.lines[0].end == (0.55, 0.0)
    assert "# as measured in May" in box.toml.read_text()
    assert (box.folder / "box.toml.previous").read_text() == before
    assert page.is_visible("#restart")


def test_a_drawing_that_is_refused_says_why_and_stays_on_the_page(seen: Seen, box: Any):
    page, before = seen.page, box.toml.read_bytes()
    mode(page, "draw")
    page.fill("#shapes li.line >> nth=0 >> [aria-label=Name]", "line-1")
    page.click("#save")
    page.wait_for_selector("#draw-status.bad >> text=the same name")
    assert box.toml.read_bytes() == before
    seen.complaints[:] = [told for told in seen.complaints if "400" not in told]  # the browser tells of every refusal
    page.click("#discard")
    page.wait_for_selector("#draw-status >> text=not in force yet")


def test_a_key_moves_and_removes_what_is_selected(seen: Seen):
    page = seen.page
    mode(page, "draw")
    count = page.locator("#shapes li").count()
    (place,) = points(page, (0.3, 0.3))
    page.mouse.click(*place)
    x = float(page.get_attribute("#drawing .shape.line.selected", "x1") or 0)
    page.keyboard.press("ArrowRight")
    assert float(page.get_attribute("#drawing .shape.line.selected", "x1") or 0) > x
    page.keyboard.press("Delete")
    assert page.locator("#shapes li").count() == count - 1
    page.click("#discard")
    page.wait_for_function("count => document.querySelectorAll('#shapes li').length === count", arg=count)


def test_events_drawn_for_the_audit_are_confirmed_by_a_click_and_by_a_key(seen: Seen, box: Any, eventually: Make):
    page = seen.page
    page.goto(page.url.rstrip("/") + "/audit")
    page.wait_for_selector(".audit-cases li img")
    answers = box.client.metric("edgekit_audit_answers_total") if page.locator("#figures dd").count() else 0
    page.click(".audit-cases li [data-verdict=right] >> nth=0")
    eventually(lambda: box.client.metric("edgekit_audit_answers_total") == answers + 1, 30)
    page.wait_for_selector(".audit-cases li")
    page.keyboard.press("u")
    eventually(lambda: box.client.metric("edgekit_audit_answers_total") == answers + 2, 30)
    assert overflow(page) <= 0
    page.go_back()
    page.wait_for_selector("#picture[src]")


def test_a_page_that_was_left_costs_the_box_nothing(seen: Seen, box: Any, eventually: Make):
    seen.page.goto("about:blank")
    client = box.client
    made = client.metric("edgekit_page_pictures_total")
    frames = client.metric("edgekit_frames_total")
    assert made > 5
    eventually(lambda: client.metric("edgekit_frames_total") >= frames + 10, 30)
    assert client.metric("edgekit_page_pictures_total") - made <= 1  # the one that was on its way


def test_the_page_complained_of_nothing_and_asked_nobody_else(seen: Seen, box: Any):
    assert seen.complaints == []
    assert seen.hosts <= {f"127.0.0.1:{box.port}", ""}
    assert Path(box.folder / "run.log").read_text().count("Traceback") == 0
