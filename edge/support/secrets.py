"""Takes secrets out of what leaves a box: a support archive is mailed around, and nobody reads it first."""

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from devices.errors import EdgekitError
from devices.redaction import redact
from edge.config import BoxConfig
from edge.credentials import credential_file

HIDDEN = "***"
_LEAST_LENGTH = 3  # hiding each occurrence of one letter would leave no text, and protect nothing
_NAMED = re.compile(
    r"(?i)([\w-]*(?:password|passwd|pwd|token|secret|api[_-]?key|authorization|cookie)\"?'?\s*[=:]\s*)"
    r"(?:(?:bearer|basic)\s+)?(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&]+)"
)
_URL = re.compile(r"\b((?:rtsps?|https?|mqtts?)://)([^\s\"'<>]+)")
_SECRET_FILE = re.compile(r"(password|token|secret)\w*_file$")
_SECRET_KEY = re.compile(r"(username|password|token|secret)$")
_PEM = re.compile(r"-----BEGIN [^-]*PRIVATE KEY-----.*?(?:-----END [^-]*PRIVATE KEY-----|\Z)", re.DOTALL)


class Scrubber:
    """Hides what is known to be secret, and what looks like it.

    Args:
        secrets: Texts that must not appear anywhere.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted({secret for secret in secrets if len(secret) >= _LEAST_LENGTH}, key=len, reverse=True)

    def scrub(self, text: str) -> str:
        """Return a text without secrets; of a URL only scheme and host stay, since some cameras log in by its path."""
        text = _URL.sub(_host_only, redact(_PEM.sub(HIDDEN, text)))
        text = _NAMED.sub(rf"\g<1>{HIDDEN}", text)
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


def secrets_of(config: BoxConfig) -> set[str]:
    """Return every secret that a configuration holds or points at; a file that cannot be read gives none.

    It goes by the names of keys and by the form of values, so that a section that is new here is safe as well.
    """
    return set(_found_in(config.model_dump(), "")) - {""}


def _found_in(value: Any, key: str) -> Iterator[str]:
    match value:
        case dict():
            for name, item in value.items():
                yield from _found_in(item, str(name))
        case list() | tuple():
            for item in value:
                yield from _found_in(item, key)
        case Path() if _SECRET_FILE.search(key):
            yield from _found_in_file(value)
        case str() if key.endswith("_credential"):
            with contextlib.suppress(EdgekitError):  # who packs the archive may not have been given it
                yield from _found_in_file(credential_file(value))
        case str() if "://" in value:
            yield from _secrets_of_url(value)
        case str() if _SECRET_KEY.search(key):
            yield value
        case _:
            pass


def _found_in_file(path: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):
        content = path.read_text(encoding="utf-8", errors="replace")
        yield from (content.strip(), *content.split())


def _secrets_of_url(url: str) -> set[str]:
    # Written out by hand: a password may hold characters that make the URL invalid.
    credentials, at, _ = url.partition("://")[2].rpartition("@")
    user, _, password = credentials.partition(":")
    query = url.partition("?")[2].partition("#")[0]
    values = {pair.partition("=")[2] for pair in query.split("&")}
    found = values | ({user, password} if at else set[str]())
    return found | {unquote(value) for value in found}


def _host_only(match: re.Match[str]) -> str:
    scheme, rest = match.groups()
    try:
        host = urlsplit(scheme + rest).netloc.rpartition("@")[2]
    except ValueError:
        host = HIDDEN
    hidden = f"{HIDDEN}@" if "@" in rest else ""
    tail = "/..." if "/" in rest or "?" in rest else ""
    return f"{scheme}{hidden}{host}{tail}"
