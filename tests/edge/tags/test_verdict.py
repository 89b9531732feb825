"""Several looks of a classifier become tags that are sure, or none."""

import pytest

from edge.tags.events import Tag, TagSource
from edge.tags.verdict import Attributes, Verdict, VoteSettings

SHOP = Attributes(("product", "category"), ("signs",))


def said(**values: str) -> list[Tag]:
    return [Tag(key, value, 0.8, TagSource.CLASSIFIER) for key, value in values.items()]


def verdict(agreeing: int = 2, most: int = 6) -> Verdict:
    return Verdict(SHOP, VoteSettings(agreeing, most))


def test_a_value_is_told_once_enough_looks_agree_and_nothing_near_as_many_say_otherwise():
    votes = verdict()
    votes.hear(said(product="lime", category="citrus"))
    assert (votes.value("product"), votes.settled) == (None, False)
    votes.hear(said(product="lemon", category="citrus"))
    assert (votes.value("product"), votes.value("category")) == (None, "citrus")
    votes.hear(said(product="lemon", category="citrus"))
    assert (votes.value("product"), votes.settled) == ("lemon", True)
    assert [(tag.key, tag.value) for tag in votes.tags] == [("product", "lemon"), ("category", "citrus")]


def test_what_never_becomes_sure_is_absent_and_looked_at_no_more():
    votes = verdict(most=4)
    for value in ("lime", "lemon", "lime", "lemon"):
        votes.hear(said(product=value, category="citrus"))
    assert votes.settled
    assert [(tag.key, tag.value) for tag in votes.tags] == [("category", "citrus")]


def test_looks_that_say_nothing_count_as_looks():
    votes = verdict(most=3)
    for _ in range(3):
        votes.hear([])
    assert (votes.settled, votes.tags) == (True, ())


def test_of_several_values_those_are_told_that_most_looks_said():
    votes = verdict()
    for signs in ("sale", "sale", "organic", "sale"):
        votes.hear(said(product="milk", category="dairy", signs=signs))
    assert [tag.value for tag in votes.tags if tag.key == "signs"] == ["sale"]


def test_a_tag_has_the_mean_score_of_the_looks_that_said_it_and_their_usual_source():
    votes = verdict()
    votes.hear([Tag("product", "kiwi", 0.9, TagSource.GALLERY)])
    votes.hear([Tag("product", "kiwi", 0.7, TagSource.GALLERY)])
    (tag,) = votes.tags
    assert (tag.source, tag.score) == (TagSource.GALLERY, pytest.approx(0.8))
