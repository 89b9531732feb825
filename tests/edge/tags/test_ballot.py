"""One wrong frame never becomes a wrong event."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from edge.tags.ballot import Ballot, LabelEvidence
from edge.tags.codes import CodeRead
from edge.tags.events import NoReadReason

BOX = (0.0, 0.0, 100.0, 100.0)


def votes(*reads: tuple[str, float], agreeing: int = 2) -> list[str]:
    ballot = Ballot(agreeing)
    for text, x in reads:
        ballot.vote(CodeRead(text, "EAN13", x, 50), BOX)
    return [text.text for text in ballot.texts]


def test_a_text_read_once_is_not_told():
    assert votes(("A", 50)) == []


def test_a_text_that_frames_agree_on_is_told():
    assert votes(("A", 50), ("A", 52)) == ["A"]


def test_a_rival_on_the_same_place_holds_a_text_back_until_it_leads_twice():
    assert votes(("A", 50), ("A", 50), ("B", 50), ("B", 50)) == []
    assert votes(("A", 50), ("B", 50), ("A", 50)) == ["A"]
    assert votes(("A", 50), ("B", 50), ("B", 50), ("A", 50), ("A", 50), ("A", 50)) == ["A"]


def test_a_text_is_no_rival_of_itself_when_its_label_seems_to_wander():
    ballot = Ballot(2)
    for x in (50, 75, 66):
        ballot.vote(CodeRead("A", "EAN13", x, 50), BOX)
    assert [(text.text, text.share) for text in ballot.texts] == [("A", 1.0)]


def test_two_labels_of_a_parcel_are_two_texts():
    assert votes(("A", 10), ("B", 90), ("A", 10), ("B", 90)) == ["A", "B"]


@given(st.lists(st.sampled_from("AB"), max_size=12))
def test_of_two_texts_on_one_place_at_most_one_is_told(reads: list[str]):
    assert len(votes(*[(text, 50.0) for text in reads])) <= 1


def test_a_no_read_says_why():
    evidence = LabelEvidence()
    assert evidence.reason(any_votes=False) is NoReadReason.NO_LABEL
    assert evidence.reason(any_votes=True) is NoReadReason.UNSURE
    evidence.add(module_px=0.8, sharpness=1.0, glare_share=0.0)
    assert evidence.reason(any_votes=False) is NoReadReason.TOO_SMALL
    evidence.add(module_px=3.0, sharpness=0.01, glare_share=0.9)
    assert evidence.reason(any_votes=False) is NoReadReason.DAMAGED
    blurred = LabelEvidence()
    blurred.add(module_px=3.0, sharpness=0.01, glare_share=0.0)
    assert blurred.reason(any_votes=False) is NoReadReason.BLURRED
    glaring = LabelEvidence()
    glaring.add(module_px=3.0, sharpness=1.0, glare_share=0.9)
    assert glaring.reason(any_votes=False) is NoReadReason.GLARE


def test_a_logistics_label_gives_its_code_and_what_the_code_says():
    ballot = Ballot(1)
    ballot.vote(CodeRead("0104006381333931", "Code128", 5, 5, gs1=True), (0, 0, 10, 10))
    (text,) = ballot.texts
    assert [(tag.key, tag.value) for tag in text.tags(date(2026, 11, 24))] == [
        ("code", "0104006381333931"),
        ("gtin", "04006381333931"),
    ]


def test_a_code_that_only_looks_like_an_element_string_gives_its_code_alone():
    ballot = Ballot(1)
    ballot.vote(CodeRead("0104006381333931", "Code128", 5, 5), (0, 0, 10, 10))
    (text,) = ballot.texts
    assert [tag.key for tag in text.tags(date(2026, 11, 24))] == ["code"]
