"""What a shop sells: names, brands and prices, drawn from a seed, and how a price is written."""

from dataclasses import dataclass

import numpy as np

from train.synth.codes import Code, Symbology, make_code, random_text

_SYLLABLES = ("nor", "lin", "ka", "vel", "mo", "ris", "ta", "sol", "bri", "en", "da", "fjo", "um", "pel", "go", "zan")
_GOODS = (
    *(
        "Oat Milk",
        "Ground Coffee",
        "Tomato Soup",
        "Rye Bread",
        "Basmati Rice",
        "Red Lentils",
        "Olive Oil",
        "Apple Juice",
    ),
    *("Corn Flakes", "Dark Chocolate", "Green Tea", "Sea Salt", "Dish Soap", "Paper Towels", "Honey", "Penne Rigate"),
    *("Peanut Butter", "Natural Yoghurt", "Orange Marmalade", "Sparkling Water", "Dog Biscuits", "Chickpeas"),
    *("Laundry Powder", "Shampoo", "Hand Cream", "Batteries AA", "Baking Flour", "Cane Sugar", "Mustard", "Gherkins"),
)
_KINDS = ("", "", "", "Classic ", "Organic ", "Extra ", "Family ", "Light ", "Fine ", "Wholegrain ")
_SIZES = ("", " 250 g", " 500 g", " 1 kg", " 750 ml", " 1 l", " 6 x 33 cl", " 80 pcs", " 2 x 100 g")
_CENTS = (99, 49, 95, 29, 79, 0, 50, 9, 19, 89)


@dataclass(frozen=True, slots=True, eq=False)
class Article:
    """Something on sale; the texts are those that are printed."""

    name: str
    brand: str
    cents: int
    code: Code


def random_article(rng: np.random.Generator) -> Article:
    """Return any article; its code is an EAN-13, or a Code 128 of the shop's own."""
    brand = "".join(_SYLLABLES[index] for index in rng.integers(0, len(_SYLLABLES), int(rng.integers(2, 4))))
    name = f"{_pick(rng, _KINDS)}{_pick(rng, _GOODS)}{_pick(rng, _SIZES)}"
    whole = int(rng.integers(0, 10)) if rng.random() < 0.75 else int(rng.integers(10, 100))
    symbology = Symbology.EAN_13 if rng.random() < 0.8 else Symbology.CODE_128
    code = make_code(symbology, random_text(rng, symbology))
    cents = max(9, whole * 100 + _CENTS[int(rng.integers(len(_CENTS)))])
    return Article(name, brand.upper() if rng.random() < 0.5 else brand.capitalize(), cents, code)


@dataclass(frozen=True, slots=True)
class PriceForm:
    """How a shop writes its prices.

    Attributes:
        before: Stands in front of the number.
        after: Stands behind it.
        point: Between units and cents.
        raised: Whether the cents are small and stand high, without a point.
    """

    before: str
    after: str
    point: str
    raised: bool

    def text(self, cents: int) -> str:
        """Return a price as it is written, raised cents after a point."""
        return f"{self.before}{cents // 100}{self.point}{cents % 100:02d}{self.after}"


def random_price_form(rng: np.random.Generator) -> PriceForm:
    """Return one of the ways in which shops write prices."""
    before, after, point = (
        ("", "", "."),
        ("", " €", ","),
        ("€ ", "", "."),
        ("$", "", "."),
        ("", "", ","),
        ("£", "", "."),
    )[int(rng.integers(6))]
    return PriceForm(before, after, point, bool(rng.random() < 0.35))


def _pick(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(rng.integers(len(words)))]
