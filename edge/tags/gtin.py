"""Product codes as the number they all are: a UPC-A, an EAN-13 and a DataBar of one article carry one GTIN."""

_DATABAR = ("DataBar", "DataBarOmni", "DataBarStk", "DataBarStkOmni", "DataBarLtd", "DataBarLimited")
_RETAIL = ("EAN13", "EAN8", "UPCA", "ISBN", "EANUPC")
_GTIN_DIGITS = 14


def gtin_of(text: str, symbology: str) -> str | None:
    """Return the GTIN-14 that a code carries, None where its symbology is not one for articles.

    Args:
        text: As it was read.
        symbology: As zxing-cpp names it.

    Source: GS1 General Specifications 24, section 3.3.2 (padding to 14 digits) and 5.2.2.4.2 (UPC-E).
    """
    digits = text.strip()
    if symbology in _DATABAR:
        digits = digits.replace("(01)", "", 1)
        if len(digits) == _GTIN_DIGITS + 2 and digits.startswith("01"):
            digits = digits[2:]
    elif symbology == "UPCE":
        digits = _widened(digits)
    elif symbology not in _RETAIL:
        return None
    if not digits.isascii() or not digits.isdigit() or len(digits) > _GTIN_DIGITS or not _check_digit_holds(digits):
        return None
    return digits.zfill(_GTIN_DIGITS)


def _widened(digits: str) -> str:
    """Return the UPC-A for the eight digits of a UPC-E; what is no UPC-E stays as it is."""
    if len(digits) != 8 or not digits.isdigit():  # noqa: PLR2004 - as many as a UPC-E has
        return digits
    system, body, check = digits[0], digits[1:7], digits[7]
    match body[5]:
        case "0" | "1" | "2" as last:
            middle = f"{body[:2]}{last}0000{body[2:5]}"
        case "3":
            middle = f"{body[:3]}00000{body[3:5]}"
        case "4":
            middle = f"{body[:4]}00000{body[4]}"
        case last:
            middle = f"{body[:5]}0000{last}"
    return system + middle + check


def _check_digit_holds(digits: str) -> bool:
    weighted = (int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return len(digits) > 1 and sum(weighted) % 10 == 0
