"""The page of a running box, put together: opened with the run, closed before anything that it reads from."""

import logging
from types import TracebackType
from typing import final

from devices.errors import EdgekitError
from edge.config import BoxConfig
from edge.config_file import ConfigFile
from edge.runtime.restarts import Operator
from edge.runtime.view import BoxView
from edge.tags.aiming import AimingEye
from edge.tags.interpreter import CameraInterpreter
from edge.tags.photo import PhotoReader
from edge.web.access import Access
from edge.web.metrics import Metrics
from edge.web.pictures import Pictures
from edge.web.predicting import PredictionDesk
from edge.web.section import Web
from edge.web.server import Server
from edge.web.site import Site

_log = logging.getLogger(__name__)


@final
class Page:
    """The page, from its start to the end of a `with`.

    Args:
        view: The box; its configuration has a [web] part.
        operator: What the page may do; None where it may only look.

    Raises:
        EdgekitError: The address cannot be had, or the token or a certificate cannot be used.
    """

    def __init__(self, view: BoxView, operator: Operator | None) -> None:
        settings = view.config.web
        if settings is None:
            raise EdgekitError("there is no [web] part in the configuration")
        pictures = Pictures(view)
        site = Site(
            view=view,
            access=Access(settings),
            pictures=pictures,
            metrics=Metrics(view, pictures),
            file=ConfigFile(operator.file, check=lambda config: _check(config, view)) if operator else None,
            restart=operator.restart if operator else None,
            eye=AimingEye(view.config.codes.formats),
            desk=_desk(settings, view),
        )
        self._server = Server(settings, site.answer, heed=site.heed)
        scheme = "https" if settings.tls is not None else "http"
        _log.info("the page is at %s://%s:%d", scheme, settings.host, settings.port)
        if settings.tls is None and not settings.on_loopback:
            _log.warning("the page's token goes over the network unencrypted: add certificate and key in [web.tls]")

    def __enter__(self) -> "Page":
        """Begin to serve."""
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all connections."""
        self._server.stop()


def _desk(settings: Web, view: BoxView) -> PredictionDesk | None:
    """Return who takes pictures from outside, None where nobody does."""
    if settings.predict is None:
        return None
    reader = PhotoReader(view.config.codes.formats) if settings.predict.codes else None
    return PredictionDesk(settings.predict, lambda: view.predictor(reader), lambda: view.occupied)


def _check(config: BoxConfig, view: BoxView) -> None:
    """Check what only a start would find: classes of shelves that the model does not know.

    Raises:
        EdgekitError: There is one.
    """
    for camera in config.cameras:
        CameraInterpreter(camera, config.codes, view.model.classes)
