"""XML from strangers: no entities, no external references, no deeper trouble than one clear error."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import parse

from devices.errors import EdgekitError
from train.importing.found import number


def read_xml(path: Path) -> Element:
    """Return the root of an XML file.

    Raises:
        EdgekitError: It cannot be read, is no XML, or declares entities.
    """
    try:
        root: Element | None = parse(path, forbid_dtd=False).getroot()
    except OSError as exc:
        raise EdgekitError(f"{path} cannot be read: {exc.strerror}") from exc
    except DefusedXmlException as exc:
        raise EdgekitError(f"{path} declares entities or points outside itself, which no label file needs") from exc
    except (ParseError, ValueError, LookupError) as exc:
        raise EdgekitError(f"{path} is no XML: {exc}") from exc
    if root is None:
        raise EdgekitError(f"{path} holds nothing")
    return root


def child_text(element: Element, name: str, where: str) -> str:
    """Return the text of a child.

    Raises:
        EdgekitError: It is missing or empty.
    """
    text = (element.findtext(name) or "").strip()
    if not text:
        raise EdgekitError(f"{where}: <{name}> is missing in <{element.tag}>")
    return text


def attributes(element: Element, names: Sequence[str], where: str) -> tuple[float, ...]:
    """Return attributes as numbers.

    Raises:
        EdgekitError: One is missing or no number.
    """
    missing = [name for name in names if name not in element.attrib]
    if missing:
        raise EdgekitError(f"{where}: <{element.tag}> lacks {', '.join(missing)}")
    return tuple(number(element.attrib[name], where) for name in names)
