"""GS1 element strings taken apart: what a logistics label says about the goods, each under a name of its own.

A text that does not keep the rules in all its parts gives nothing at all: a guess at a batch is worse than no batch.

Source: GS1 General Specifications 24: sections 3 (application identifiers), 7.8.5 (predefined lengths), 7.9.1 (check
digits) and 7.12 (the century of dates).
"""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum

SEPARATOR = "\x1d"
_WORD = re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]+")  # figure 7.11-1: what may stand in an alphanumeric element
_END_OF_MONTH = "00"


class Form(Enum):
    """What an element's value is."""

    DIGITS = "digits"
    WORD = "word"
    CHECKED = "checked"  # digits, the last of which is a check digit
    DATE = "date"
    DECIMAL = "decimal"  # digits; the identifier's last digit says how many of them stand behind the point
    MONEY = "money"  # as DECIMAL, after a currency of three digits


@dataclass(frozen=True, slots=True)
class Identifier:
    """An application identifier.

    Attributes:
        prefix: Its digits; those of DECIMAL and MONEY have one more, the number of decimals.
        key: Name of what it says.
        form: What its value is.
        least: Characters of the value, at least.
        most: Characters of the value, at most.
    """

    prefix: str
    key: str
    form: Form
    least: int
    most: int

    @property
    def digits(self) -> int:
        """Digits of the whole identifier."""
        return len(self.prefix) + (self.form in (Form.DECIMAL, Form.MONEY))


@dataclass(frozen=True, slots=True)
class Element:
    """One statement of a label.

    Attributes:
        identifier: The digits in front of it.
        key: What it is.
        value: Digits and words as they stand, dates as ISO 8601, measures and amounts with their decimal point.
    """

    identifier: str
    key: str
    value: str


def _fixed(prefix: str, key: str, form: Form, length: int) -> Identifier:
    return Identifier(prefix, key, form, length, length)


def _words(prefix: str, key: str, most: int) -> Identifier:
    return Identifier(prefix, key, Form.WORD, 1, most)


IDENTIFIERS = (
    _fixed("00", "sscc", Form.CHECKED, 18),
    _fixed("01", "gtin", Form.CHECKED, 14),
    _fixed("02", "content_gtin", Form.CHECKED, 14),
    _words("10", "batch", 20),
    _fixed("11", "produced", Form.DATE, 6),
    _fixed("12", "due", Form.DATE, 6),
    _fixed("13", "packed", Form.DATE, 6),
    _fixed("15", "best_before", Form.DATE, 6),
    _fixed("16", "sell_by", Form.DATE, 6),
    _fixed("17", "expiry", Form.DATE, 6),
    _fixed("20", "variant", Form.DIGITS, 2),
    _words("21", "serial", 20),
    _words("22", "consumer_variant", 20),
    _words("240", "additional_id", 30),
    _words("241", "customer_part", 30),
    _words("250", "secondary_serial", 30),
    _words("251", "source_reference", 30),
    Identifier("30", "count", Form.DIGITS, 1, 8),
    _fixed("310", "net_weight_kg", Form.DECIMAL, 6),
    _fixed("311", "length_m", Form.DECIMAL, 6),
    _fixed("315", "net_volume_l", Form.DECIMAL, 6),
    _fixed("320", "net_weight_lb", Form.DECIMAL, 6),
    _fixed("330", "gross_weight_kg", Form.DECIMAL, 6),
    _fixed("340", "gross_weight_lb", Form.DECIMAL, 6),
    Identifier("37", "content_count", Form.DIGITS, 1, 8),
    Identifier("390", "amount", Form.DECIMAL, 1, 15),
    Identifier("391", "amount_with_currency", Form.MONEY, 4, 18),
    Identifier("392", "price", Form.DECIMAL, 1, 15),
    Identifier("393", "price_with_currency", Form.MONEY, 4, 18),
    _words("400", "order", 30),
    _words("401", "consignment", 30),
    _fixed("402", "shipment", Form.CHECKED, 17),
    _words("403", "routing", 30),
    _fixed("410", "ship_to", Form.CHECKED, 13),
    _fixed("411", "bill_to", Form.CHECKED, 13),
    _fixed("412", "purchased_from", Form.CHECKED, 13),
    _fixed("413", "ship_for", Form.CHECKED, 13),
    _fixed("414", "location", Form.CHECKED, 13),
    _words("420", "ship_to_post", 20),
    Identifier("421", "ship_to_post_with_country", Form.WORD, 4, 12),
    _fixed("422", "origin_country", Form.DIGITS, 3),
    _fixed("7003", "expiry_time", Form.DIGITS, 10),
    _words("8020", "payment_reference", 25),
    *(_words(str(number), f"company_{number}", 90) for number in range(91, 100)),
)
# Elements that begin so need no separator behind them, since everybody knows how long they are.
_KNOWN_LENGTH = ("00", "01", "02", "03", "04", *(str(n) for n in range(11, 21)), *(str(n) for n in range(31, 37)), "41")


def elements_of(text: str, today: date) -> tuple[Element, ...] | None:
    """Take an element string apart.

    Args:
        text: As the reader gave it, without brackets, FNC1 as ASCII 29.
        today: Decides the century of dates: they lie at most 49 years behind and 50 ahead.

    Returns:
        Its elements in their order, or None where any part of it breaks a rule or is unknown here.
    """
    try:
        elements = tuple(_take_apart(text.removeprefix(SEPARATOR), today))
    except ValueError:
        return None
    keys = [element.key for element in elements]
    return elements if elements and len(set(keys)) == len(keys) else None


def check_digit(digits: str) -> str:
    """Return the check digit that belongs behind some digits."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def _take_apart(text: str, today: date) -> Iterator[Element]:
    while text:
        known = next((one for one in IDENTIFIERS if text.startswith(one.prefix)), None)
        if known is None:
            raise ValueError("an unknown identifier")
        identifier, rest = text[: known.digits], text[known.digits :]
        length = (
            known.most if identifier.startswith(_KNOWN_LENGTH) else min(known.most, (rest + SEPARATOR).index(SEPARATOR))
        )
        value, text = rest[:length], rest[length:]
        if text and not identifier.startswith(_KNOWN_LENGTH) and not text.startswith(SEPARATOR):
            raise ValueError("an element that goes on past its greatest length")
        text = text.removeprefix(SEPARATOR)
        if not known.least <= len(value) <= known.most:
            raise ValueError("a value of a wrong length")
        yield Element(identifier, known.key, _value(known, identifier, value, today))


def _value(known: Identifier, identifier: str, value: str, today: date) -> str:
    if known.form is Form.WORD:
        if not _WORD.fullmatch(value):
            raise ValueError("a character that no element may have")
        return value
    if not (value.isascii() and value.isdigit()):
        raise ValueError("no digits where digits have to be")
    match known.form:
        case Form.CHECKED if check_digit(value[:-1]) != value[-1]:
            raise ValueError("a check digit that does not hold")
        case Form.DATE:
            return _date(value, today).isoformat()
        case Form.DECIMAL:
            return _decimal(value, identifier[-1])
        case Form.MONEY:
            return f"{_decimal(value[3:], identifier[-1])} {value[:3]}"
        case _:
            return value


def _decimal(digits: str, decimals: str) -> str:
    places = int(decimals)
    if places > len(digits):
        raise ValueError("more decimals than digits")
    whole, rest = digits[: len(digits) - places], digits[len(digits) - places :]
    return f"{int(whole or '0')}.{rest}" if rest else str(int(whole))


def _date(value: str, today: date) -> date:
    year = today.year - today.year % 100 + int(value[:2])
    year += -100 if year - today.year > 50 else 100 if today.year - year > 49 else 0  # noqa: PLR2004 - section 7.12
    month = int(value[2:4])
    if not 1 <= month <= 12:  # noqa: PLR2004 - of a year
        raise ValueError("a month that no year has")
    last = calendar.monthrange(year, month)[1]
    return date(year, month, last if value[4:] == _END_OF_MONTH else int(value[4:]))
