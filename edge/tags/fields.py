"""Texts of printed fields in one form each: price, date, batch, name; what can be read in two ways is absent."""

import re

from edge.tags.dates import only_date

FIELDS = ("name", "brand", "price", "batch", "date")

_CURRENCIES = {"€": "EUR", "EUR": "EUR", "£": "GBP", "GBP": "GBP", "$": "USD", "USD": "USD", "CHF": "CHF"}
_SIGN = "|".join(re.escape(sign) for sign in _CURRENCIES)
_PRICE = re.compile(rf"(?P<before>{_SIGN})?\s*(?P<amount>\d{{1,3}}(?:[ .,]?\d{{3}})*[.,]\d{{2}})\s*(?P<after>{_SIGN})?")
_LETTERS = re.compile(r"[^\W\d_]")
_BATCH = re.compile(r"(?:LOT|BATCH|CHARGE|CH\.-?B\.?|L)\s*[.:]?\s*(?P<batch>[A-Z0-9][A-Z0-9/-]{1,19})", re.IGNORECASE)
_UNITS = frozenset(
    (
        "g",
        "kg",
        "mg",
        "ml",
        "cl",
        "dl",
        "l",
        "oz",
        "lb",
        "lbs",
        "pcs",
        "pc",
        "st",
        "pack",
        "cm",
        "mm",
        "m",
        "w",
        "mah",
        "v",
        "%",
    )
)


def normalised(field: str, text: str) -> str | None:
    """Return what a field says in its one form, None where the text is none of it or could be read in two ways.

    A price is a decimal with two digits after the point, and its currency where one is printed (`4.99 EUR`); a date is
    ISO 8601, of a month alone (`2027-03`) where no day is printed.

    Args:
        field: One of `FIELDS`.
        text: As it was read.

    Raises:
        ValueError: There is no such field.
    """
    squeezed = " ".join(text.split())
    match field:
        case "price":
            return _price(squeezed)
        case "date":
            return only_date(squeezed)
        case "batch":
            found = _BATCH.fullmatch(squeezed)
            return found["batch"].upper() if found else None
        case "name":
            return _name(squeezed.replace("\u00d7", "x"))
        case "brand":
            return squeezed if len(_LETTERS.findall(squeezed)) > 1 else None
        case _:
            raise ValueError(f"there is no field {field!r}")


def _name(text: str) -> str | None:
    """Return a name, None where its end is not whole: a size that lost its unit, or has one that nobody knows.

    That is where a hidden or cut-off end shows, and where `1 l` is taken for `1 1` or `11`.
    """
    *_, before, last = ["", "", *text.split()]
    if len(_LETTERS.findall(text)) <= 1 or last.isdigit():
        return None
    glued = re.fullmatch(r"(?:x?\d+[x.,]?)+(?P<unit>\D*)", last, re.IGNORECASE)
    unit = glued["unit"] if glued else last if before.isdigit() else None
    return text if unit is None or unit.lower() in _UNITS else None


def _price(text: str) -> str | None:
    found = _PRICE.fullmatch(text)
    if found is None or (found["before"] and found["after"]):
        return None
    whole, cents = found["amount"][:-3], found["amount"][-2:]
    groups = re.split(r"[ .,]", whole)
    if any(sign == found["amount"][-3] for sign in re.findall(r"[.,]", whole)):
        return None  # one sign cannot be both
    if len(groups) == 1 and len(whole) > 1 and whole.startswith("0"):
        return None
    currency = _CURRENCIES.get(found["before"] or found["after"] or "")
    return " ".join(part for part in (f"{''.join(groups)}.{cents}", currency) if part)
