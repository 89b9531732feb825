"""The page's routes: what is asked for to what is answered. Nothing here knows a socket."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, ValidationError

from devices.errors import EdgekitError
from devices.validation import explain
from edge.config_file import ConfigChangedError, ConfigFile, Drawing
from edge.runtime.view import BoxView
from edge.section import Polygon, Section
from edge.tags.aiming import AimingEye
from edge.web.access import Access
from edge.web.auditing import answer_audit
from edge.web.exchange import JSON, Request, Response, Stream
from edge.web.health import judge
from edge.web.messages import PageDrawing
from edge.web.metrics import CONTENT_TYPE, Metrics
from edge.web.openapi import openapi
from edge.web.pictures import WIDTHS, Pictures
from edge.web.portrait import aim_of, box_of, event_of, scene_of
from edge.web.predicting import CONTENT_TYPES, PATH, PredictionDesk
from edge.web.server import MOST_BODY_BYTES
from edge.zones import Line, Shelf

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_AIM_PX = 960
_LISTEN_S = 1.0


@dataclass(frozen=True, slots=True)
class Site:
    """Answers requests.

    Attributes:
        view: The box.
        access: Who is let in.
        pictures: Of its cameras.
        metrics: Of all of it.
        file: The box.toml that drawings go into, None where the box was not started from one.
        restart: Begins the run anew with what stands in the file, None where nobody can.
        eye: Of the aiming view.
        desk: Takes pictures from outside, None where none are taken.
    """

    view: BoxView
    access: Access
    pictures: Pictures
    metrics: Metrics
    file: ConfigFile | None
    restart: Callable[[], None] | None
    eye: AimingEye
    desk: PredictionDesk | None

    def heed(self, request: Request) -> int | Response:
        """Return how large the body of a request may be, or why it is not even read: a picture is for few to send."""
        if self.desk is None or request.path != PATH:
            return MOST_BODY_BYTES
        refused = self.access.refusal(request, CONTENT_TYPES)
        if refused is None and not self.access.admits(request):
            refused = Response.error(401, "show the box's token: Authorization: Bearer TOKEN")
        return refused or self.desk.most_bytes

    def answer(self, request: Request) -> Response | Stream:
        """Return the answer to a request."""
        match (request.method, request.path):
            case ("GET", "/healthz"):
                health = judge(self.view)
                return Response.of(health, 200 if health.ok else 503)
            case ("GET", "/metrics") if self.view.config.web is not None and self.view.config.web.open_metrics:
                return self._metrics()
            case (_, path):
                takes = CONTENT_TYPES if path == PATH else ("application/json",)
                return self.access.refusal(request, takes) or self._guarded(request)

    def _guarded(self, request: Request) -> Response | Stream:
        """Answer what came from the page itself, or from no page at all."""
        parts = tuple(request.path.strip("/").split("/"))
        answer = self._for_everybody(request, parts)
        if answer is not None:
            return answer
        if not self.access.admits(request):
            at_the_door = parts == ("",)
            return Response(303, headers={"Location": "/login"}) if at_the_door else Response.error(401, "log in first")
        match (request.method, *parts):
            case ("GET", ""):
                return _static("index.html")
            case ("GET", "audit"):
                return _static("audit.html")
            case (method, "api", *rest):
                return self._api(method, tuple(rest), request)
            case _:
                return self._for_programs(request)

    def _for_programs(self, request: Request) -> Response:
        match (request.method, request.path):
            case ("GET", "/metrics"):
                return self._metrics()
            case ("GET", "/v1/openapi.json"):
                return Response(200, json.dumps(openapi()).encode(), JSON)
            case ("POST", path) if path == PATH and self.desk is not None:
                return self.desk.answer(request)
            case _:
                return Response.error(404, "there is nothing here")

    def _for_everybody(self, request: Request, parts: tuple[str, ...]) -> Response | None:
        match (request.method, *parts):
            case ("GET", "static", name):
                return _static(name)
            case ("GET", "login"):
                return _static("login.html")
            case ("POST", "login"):
                return self._log_in(request)
            case ("POST", "logout"):
                return self.access.log_out()
            case _:
                return None

    def _api(self, method: str, parts: tuple[str, ...], request: Request) -> Response | Stream:
        match (method, *parts):
            case ("GET", "box"):
                return Response.of(box_of(self.view, asks_for_token=self.access.asks_for_token))
            case ("GET", "events"):
                return Stream(self._events(), "text/event-stream")
            case ("POST", "restart"):
                return self._restart()
            case (_, "audit", *rest):
                return answer_audit(self.view.keeping.audit, method, tuple(rest), request)
            case (_, "cameras", camera, what) if self.view.camera(camera) is not None:
                return self._camera(method, camera, what, request)
            case _:
                return Response.error(404, "there is nothing here")

    def _camera(self, method: str, camera: str, what: str, request: Request) -> Response:
        match (method, what):
            case ("GET", "scene"):
                return self._scene(camera, request)
            case ("GET", "aim"):
                return self._aim(camera)
            case ("GET", "drawing"):
                return self._drawing(camera)
            case ("PUT", "drawing"):
                return self._redraw(camera, request)
            case _:
                return Response.error(404, "there is nothing here")

    def _metrics(self) -> Response:
        return Response(200, self.metrics.text(), CONTENT_TYPE)

    def _log_in(self, request: Request) -> Response:
        try:
            return self.access.log_in(_Login.model_validate_json(request.body).token)
        except ValidationError:
            return Response.error(400, "send a token")

    def _scene(self, camera: str, request: Request) -> Response:
        asked = request.query.get("width", "")
        width = next((width for width in WIDTHS if str(width) == asked), WIDTHS[-1])
        picture = self.pictures.picture(camera, width)
        if picture is None:
            return Response(204)
        return Response.of(scene_of(picture.scene, picture.jpeg, self.view.model.classes))

    def _aim(self, camera: str) -> Response:
        picture = self.pictures.picture(camera, _AIM_PX)
        if picture is None:
            return Response(204)
        scene = scene_of(picture.scene, picture.jpeg, self.view.model.classes)
        return Response.of(aim_of(self.eye.look(picture.scene.frame.image), scene))

    def _drawing(self, camera: str) -> Response:
        running = next(each for each in self.view.config.cameras if each.name == camera)
        if self.file is None:
            return _drawing_of(camera, Drawing.of(running), "", locked="the box was started without a box.toml")
        try:
            config, revision = self.file.read()
        except EdgekitError as exc:
            return _drawing_of(camera, Drawing.of(running), "", locked=str(exc))
        written = next((each for each in config.cameras if each.name == camera), None)
        if written is None:
            return _drawing_of(camera, Drawing.of(running), "", locked="the camera is no longer in box.toml")
        drawing = Drawing.of(written)
        in_force = drawing == Drawing.of(running)
        return _drawing_of(camera, drawing, revision, in_force=in_force, locked=self.file.locked)

    def _redraw(self, camera: str, request: Request) -> Response:
        if self.file is None:
            return Response.error(409, "the box was started without a box.toml")
        try:
            wanted = _Redraw.model_validate_json(request.body)
        except ValidationError as exc:
            return Response.error(400, explain(exc, _Redraw))
        try:
            self.file.redraw(camera, Drawing(wanted.lines, wanted.shelves, wanted.masks), wanted.revision)
        except ConfigChangedError as exc:
            return Response.error(409, str(exc))
        except EdgekitError as exc:
            return Response.error(400, str(exc))
        return self._drawing(camera)

    def _restart(self) -> Response:
        if self.file is None or self.restart is None:
            return Response.error(409, "restart the box's service: nobody here can")
        try:
            self.file.read()
        except EdgekitError as exc:  # what would not start again must not stop
            return Response.error(400, str(exc))
        self.restart()
        return Response(204)

    def _events(self) -> Iterator[bytes]:
        reader, recent = self.view.watch.listen()
        try:
            for told in recent:
                yield _piece(event_of(told))
            while not reader.behind:  # who is behind is cut off, comes back, and gets the newest ones
                told = reader.next(_LISTEN_S)
                yield _piece(event_of(told)) if told is not None else b": here\n\n"
        finally:
            self.view.watch.leave(reader)


class _Login(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    token: str


class _Redraw(Section):
    """A drawing as the page sends it, checked by what box.toml is checked by."""

    revision: str
    lines: tuple[Line, ...]
    shelves: tuple[Shelf, ...]
    masks: tuple[Polygon, ...]


def _drawing_of(camera: str, drawing: Drawing, revision: str, *, locked: str | None, in_force: bool = True) -> Response:
    return Response.of(
        PageDrawing(
            camera=camera,
            revision=revision,
            in_force=in_force,
            locked=locked,
            lines=drawing.lines,
            shelves=drawing.shelves,
            masks=drawing.masks,
        )
    )


def _piece(event: BaseModel) -> bytes:
    return b"data: " + event.model_dump_json().encode() + b"\n\n"


def _load_static() -> dict[str, Response]:
    """Read all files of the page: only what is in the package can ever be asked for."""
    found: dict[str, Response] = {}
    for file in files("edge.web").joinpath("static").iterdir():
        content_type = _TYPES.get(file.name.rpartition(".")[2])
        if content_type is not None:
            found[file.name] = Response(200, file.read_bytes(), content_type)
    return found


_STATIC = _load_static()


def _static(name: str) -> Response:
    return _STATIC.get(name) or Response.error(404, "there is nothing here")
