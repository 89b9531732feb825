"""Printed dates in ISO 8601: a day, or a month where no day is printed; none that could be read in two ways."""

import re
from collections.abc import Iterator
from datetime import date

_BEFORE = re.compile(
    r"(?:BEST\s*BEFORE(?:\s*END)?|BBE?|EXP(?:IRY)?(?:\s*DATE)?|USE\s*BY|MHD)\s*[.:]?\s*", re.IGNORECASE
)
_NUMBERS = re.compile(r"(?P<a>\d{4}|\d{1,2})(?P<sign>[-./ ])(?P<b>\d{1,2})(?P=sign)(?P<c>\d{4}|\d{1,2})")
_NAMED = re.compile(r"(?:(?P<day>\d{1,2})[-./ ]*)?(?P<month>[^\W\d_]{3})[-./ ]*(?P<year>\d{4})")
_MONTH_ALONE = re.compile(r"(?P<month>\d{2})[-./ ](?P<year>\d{4})|(?P<first>\d{4})-(?P<then>\d{2})")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_OF_GERMAN = {"MRZ": 3, "MÄR": 3, "MAI": 5, "OKT": 10, "DEZ": 12}
_MONTH_OF = {name: number for number, name in enumerate(_MONTHS, start=1)} | _OF_GERMAN
_CENTURY = 2000


def only_date(text: str) -> str | None:
    """Return the one date that a text can mean, `2027-03-12` or `2027-03`, None where it has none or several.

    Words that say what a date is for (`BEST BEFORE`, `EXP`, `MHD`) may stand before it.

    Args:
        text: As it was read, without blanks around it.
    """
    introduced = _BEFORE.match(text)
    printed = text[introduced.end() :] if introduced else text
    meanings = {*_days(printed), *_with_named_month(printed), *_months(printed)}
    return meanings.pop() if len(meanings) == 1 else None


def _days(text: str) -> Iterator[str]:
    """Yield every day that three numbers could mean: days come first where dots stand, else days or months may."""
    found = _NUMBERS.fullmatch(text)
    if found is None:
        return
    first, middle, last = found["a"], found["b"], found["c"]
    readings: list[tuple[str, str, str]] = []  # year, month, day
    if len(first) == 4:  # noqa: PLR2004 - a year in full
        readings = [(first, middle, last)]
    else:
        readings.append((last, middle, first))
        if found["sign"] != "." or len(last) != 4:  # noqa: PLR2004
            readings.append((last, first, middle))
        if len(last) != 4:  # noqa: PLR2004
            readings.append((first, middle, last))
    for year, month, day in readings:
        full = int(year) if len(year) == 4 else _CENTURY + int(year)  # noqa: PLR2004
        yield from _day(full, int(month), int(day))


def _with_named_month(text: str) -> Iterator[str]:
    """Yield a date whose month is a word; its year is in full, since `12 MAR 27` has two."""
    found = _NAMED.fullmatch(text)
    month = _MONTH_OF.get(found["month"].upper()) if found else None
    if found is None or month is None:
        return
    if found["day"] is None:
        yield f"{int(found['year']):04d}-{month:02d}"
    else:
        yield from _day(int(found["year"]), month, int(found["day"]))


def _months(text: str) -> Iterator[str]:
    found = _MONTH_ALONE.fullmatch(text)
    if found is None:
        return
    month = int(found["month"] or found["then"])
    if 1 <= month <= len(_MONTHS):
        yield f"{found['year'] or found['first']}-{month:02d}"


def _day(year: int, month: int, day: int) -> Iterator[str]:
    try:
        yield date(year, month, day).isoformat()
    except ValueError:
        return
