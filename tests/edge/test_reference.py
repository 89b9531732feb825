"""Pages of reference: what stands in them is what the models allow."""

from typing import Literal

from pydantic import BaseModel, Field

from edge.reference import tables


class Inner(BaseModel):
    """What lies inside."""

    names: tuple[str, ...] = Field(default=(), description="a | b")
    place: tuple[float, float]


class Outer(BaseModel):
    """What lies outside."""

    mode: Literal["fast", "slow"] = "fast"
    count: int = Field(ge=1, le=16, description="how many")
    inner: Inner | None = None
    parts: tuple[Inner, ...] = Field(default=(), min_length=1)
    done: bool = False


def test_keys_types_defaults_bounds_and_parts_are_told_once_each() -> None:
    page = tables(Outer.model_json_schema(), level=2, told=set(), with_defaults=True)
    assert page.splitlines()[:7] == [
        "| key | type | default | meaning |",
        "|---|---|---|---|",
        '| `mode` | `"fast"`, `"slow"` | `"fast"` |  |',
        "| `count` | integer | **required** | how many; ≥ 1, ≤ 16 |",
        "| `inner` | [Inner](#inner) or null | - |  |",
        "| `parts` | list of [Inner](#inner) | `[]` | at least 1 |",
        "| `done` | boolean | `false` |  |",
    ]
    assert page.count("## Inner") == 1
    assert "What lies inside." in page
    assert "| `names` | list of string | `[]` | a \\| b |" in page
    assert "| `place` | 2 times number | **required** | at least 2 |" in page


def test_what_was_told_on_the_page_before_is_not_told_again() -> None:
    page = tables(Outer.model_json_schema(), level=3, told={"Inner"}, with_defaults=False)
    assert "### Inner" not in page
    assert page.startswith("| key | type | meaning |")
