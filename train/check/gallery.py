"""The report as one HTML file with its pictures in it: nothing is fetched, so that it can be sent and kept."""

import base64
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.picture import read_picture
from train.check.doctor import Examination
from train.check.findings import MEANING, SEVERITY, CheckReport, Finding, Kind
from train.check.look import Look

MOST_SHOWN = 40  # findings of a kind: a file of a few megabytes, which every browser opens
_MOST_PICTURES = 4  # of a finding
_LONG_SIDE = 220
_WITH_LABELS: frozenset[Kind] = frozenset(
    {"label-fault", "tiny-label", "double-label", "labelled-differently", "contradicted"}
)
_LABEL, _MARK = (80, 200, 80), (40, 40, 235)  # BGR
_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .25rem .8rem; text-align: left;
border-bottom: 1px solid #ddd; vertical-align: top } .n { text-align: right } .error { color: #b3261e }
.warning { color: #8a6100 } section { margin-top: 2.5rem } .cards { display: flex; flex-wrap: wrap; gap: 1rem }
.card { border: 1px solid #ddd; border-radius: 6px; padding: .6rem; max-width: 30rem } .strip { display: flex;
flex-wrap: wrap; gap: .4rem } figure { margin: 0; width: 220px } figcaption { font-size: 11px; color: #555;
overflow-wrap: anywhere } img { max-width: 220px; display: block } p { margin: .4rem 0 } .remedy { color: #555 }
"""


def write_gallery(examination: Examination, out: Path) -> None:
    """Write the report of an examination as HTML.

    Raises:
        EdgekitError: The file cannot be written.
    """
    report = examination.report
    looks = {look.name: look for look in examination.looks}
    title = f"{report.name}: {report.errors} errors, {len(report.findings) - report.errors} warnings"
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>",
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1><p>{escape(report.folder)}</p>",
        *_summary(report),
    ]
    for kind in report.kinds:
        parts += _section(kind, report, looks)
    try:
        out.write_text("\n".join([*parts, "</body></html>", ""]), encoding="utf-8")
    except OSError as exc:
        raise EdgekitError(f"cannot write {out}: {exc.strerror}") from exc


def _summary(report: CheckReport) -> Iterator[str]:
    yield "<table><tr><th>split<th class='n'>pictures<th class='n'>declared background<th>labels</tr>"
    for part in report.parts:
        labels = ", ".join(f"{name} {count}" for name, count in part.labels.items())
        yield f"<tr><td>{part.split}<td class='n'>{part.pictures}<td class='n'>{part.background}"
        yield f"<td>{escape(labels)}</tr>"
    yield "</table><table><tr><th>finding<th><th class='n'>how many<th>what it is</tr>"
    for kind in report.kinds:
        count, severity = len(report.of_kind(kind)), SEVERITY[kind]
        yield f"<tr><td><a href='#{kind}'>{kind}</a><td class='{severity}'>{severity}"
        yield f"<td class='n'>{count}<td>{escape(MEANING[kind])}</tr>"
    yield "</table>"
    if not report.findings:
        yield "<p>Nothing was found.</p>"


def _section(kind: Kind, report: CheckReport, looks: Mapping[str, Look]) -> Iterator[str]:
    findings = report.of_kind(kind)
    yield f"<section id='{kind}'><h2>{kind} <span class='{SEVERITY[kind]}'>{SEVERITY[kind]}</span></h2>"
    yield f"<p>{escape(MEANING[kind])}</p><div class='cards'>"
    for finding in findings[:MOST_SHOWN]:
        yield "<div class='card'><div class='strip'>"
        for number, name in enumerate(finding.pictures[:_MOST_PICTURES]):
            yield _figure(name, looks.get(name), finding if number == 0 else None, labels=kind in _WITH_LABELS)
        yield f"</div><p>{escape(finding.detail)}</p><p class='remedy'>{escape(finding.remedy)}</p></div>"
    yield "</div>"
    if len(findings) > MOST_SHOWN:
        yield f"<p>and {len(findings) - MOST_SHOWN} more: `edgekit data check --json` tells all of them</p>"
    yield "</section>"


def _figure(name: str, look: Look | None, finding: Finding | None, *, labels: bool) -> str:
    shown = _thumbnail(look, finding, labels=labels) if look is not None and look.view is not None else ""
    return f"<figure>{shown}<figcaption>{escape(name)}</figcaption></figure>"


def _thumbnail(look: Look, finding: Finding | None, *, labels: bool) -> str:
    picture = read_picture(look.path)
    scale = min(1.0, _LONG_SIDE / max(picture.shape[:2]))
    small = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    for label in (look.labels or ()) if labels else ():
        x, y, width, height = label.cxcywh
        _draw(small, (x - width / 2, y - height / 2, x + width / 2, y + height / 2), _LABEL, 1)
    for mark in finding.marks if finding is not None else ():
        _draw(small, mark, _MARK, 2)
    coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return f"<img alt='' src='data:image/jpeg;base64,{base64.b64encode(coded.tobytes()).decode()}'>"


def _draw(
    picture: NDArray[np.uint8], box: tuple[float, float, float, float], colour: tuple[int, int, int], width: int
) -> None:
    rows, columns = picture.shape[:2]
    left, top, right, bottom = (
        round(edge * side) for edge, side in zip(box, (columns, rows, columns, rows), strict=True)
    )
    cv2.rectangle(picture, (left, top), (right, bottom), colour, width)
