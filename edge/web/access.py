"""Who may open the page: a token or a certificate, a session that remembers it, and no other site in between."""

import hashlib
import hmac
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from devices.errors import EdgekitError
from edge.credentials import credential_file
from edge.web.exchange import Request, Response
from edge.web.section import Web

LEAST_TOKEN = 32  # characters: nobody guesses so many, so wrong guesses need no counting
_SESSION_S = 12 * 3600
_COOKIE = "edgekit"
_OWN_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def read_token(settings: Web) -> bytes | None:
    """Return the token that has to be shown, None where none has to be.

    Raises:
        EdgekitError: It cannot be read, others than its owner may read it, or it is too short.
    """
    if settings.token_credential is not None:
        path = credential_file(settings.token_credential)
    elif settings.token_file is not None:
        path = settings.token_file
    else:
        return None
    try:
        rights = stat.S_IMODE(path.stat().st_mode)
        token = path.read_bytes().strip()
    except OSError as exc:
        raise EdgekitError(
            f"cannot read the token file {path} ({exc.strerror}): make one with `edgekit config token FILE`, "
            "and name it in [web]"
        ) from exc
    # A credential's rights are systemd's affair: its access list shows as a right of the group.
    if settings.token_credential is None and rights & (stat.S_IRWXG | stat.S_IRWXO):
        raise EdgekitError(f"others may read the token file {path} (rights {rights:o}): chmod 600 {path}")
    if len(token) < LEAST_TOKEN:
        raise EdgekitError(
            f"the token in {path} has {len(token)} characters, fewer than {LEAST_TOKEN}: "
            "remove the file and make one with `edgekit config token FILE`"
        )
    return token


class Access:
    """Decides who is let in.

    A session is a time and its HMAC under the token: it outlives a restart, needs no store, and ends with the token.

    Args:
        settings: The [web] part.
        clock: Returns seconds since 1970.

    Raises:
        EdgekitError: The token file cannot be used.
    """

    def __init__(self, settings: Web, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._token = read_token(settings)

    @property
    def asks_for_token(self) -> bool:
        """Whether a token has to be shown."""
        return self._token is not None

    def admits(self, request: Request) -> bool:
        """Whether a request shows the token, or a session that was begun with it; where none is asked for, yes."""
        if self._token is None:
            return True
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(shown.strip().encode()):
            return True
        return self._is_session(_cookie(request.headers))

    def log_in(self, token: str) -> Response:
        """Return the answer to who shows a token: a session, or a refusal."""
        if self._token is None or not self._is_token(token.strip().encode()):
            return Response.error(401, "this is not the box's token")
        ends = str(int(self._clock()) + _SESSION_S)
        return Response(204, headers={"Set-Cookie": self._set_cookie(f"{ends}.{self._sign(ends)}", _SESSION_S)})

    def log_out(self) -> Response:
        """Return the answer that makes a browser forget its session."""
        return Response(204, headers={"Set-Cookie": self._set_cookie("", 0)})

    def refusal(self, request: Request, takes: Sequence[str] = ("application/json",)) -> Response | None:
        """Return why a request is not looked at any further, None where it is.

        A page without token or certificate answers only to the machine's own names, so that no other site's name can
        be made to point at it. What changes something has to come from the page itself: as JSON or a picture, which no
        form sends, and from its own origin where the browser names one.

        Args:
            request: The request.
            takes: Types of content that may come.
        """
        host = request.headers.get("host", "")
        if self._token is None and not self._settings.mutual_tls and _name_of(host) not in _OWN_NAMES:
            return Response.error(403, "without a token the page answers only as localhost")
        if request.method == "GET":
            return None
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in takes:
            return Response.error(415, f"send {' or '.join(takes)}")
        origin = request.headers.get("origin")
        if origin is not None and _place_of(origin) != host:
            return Response.error(403, "this came from another site")
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return Response.error(403, "this came from another site")
        return None

    def _is_token(self, shown: bytes) -> bool:
        # Digests have one length, so that the comparison tells nothing of the token's.
        return self._token is not None and hmac.compare_digest(
            hashlib.sha256(shown).digest(), hashlib.sha256(self._token).digest()
        )

    def _is_session(self, cookie: str) -> bool:
        ends, _, signature = cookie.partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(ends).encode()):
            return False
        return self._clock() < int(ends)

    def _sign(self, ends: str) -> str:
        return hmac.new(self._token or b"", b"edgekit session " + ends.encode(), hashlib.sha256).hexdigest()

    def _set_cookie(self, value: str, seconds: int) -> str:
        secure = "; Secure" if self._settings.tls is not None else ""
        return f"{_COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"


def _cookie(headers: Mapping[str, str]) -> str:
    """Return the session that a browser shows, empty for none.

    Split by hand: before Python 3.12.6 `http.cookies` takes seconds for a long value full of backslashes.
    """
    pairs = (pair.strip().partition("=") for pair in headers.get("cookie", "").split(";"))
    return next((value for name, _, value in pairs if name == _COOKIE), "")


def _place_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
