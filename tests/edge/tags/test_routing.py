"""Tags become a product and a lane by a site's own tables, which are read whole or refused with the line at fault."""

from datetime import datetime, timezone
from pathlib import Path

import pytest

from devices.errors import EdgekitError
from edge.tags.catalogue import load_catalogue
from edge.tags.events import EventKind, Tag, TagEvent, TagSource
from edge.tags.routing import Routing
from edge.video.frame import ClockSource

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
CATALOGUE = """\
tag,value,product,brand,category,location
,4006381333931,Boss 70,Stabilo,pens,A-12
code,036000291452,"Tissues, soft",,paper,
class,pallet,Pallet,,,dock
,BOX-1,Box one,,pens,
"""
ROUTES = """\
exception = "reject"
[[route]]
lane = "7"
when = { category = "pens", code = "4*" }
[[route]]
lane = "8"
when = { category = "p?per" }
[[route]]
lane = "hand"
when = { kind = "multi_read" }
"""


def code(value: str, symbology: str = "Code128") -> Tag:
    return Tag("code", value, 1.0, TagSource.BARCODE, symbology)


def event(*tags: Tag, kind: EventKind = EventKind.READ) -> TagEvent:
    return TagEvent("belt", kind, NOON, ClockSource.HOST, 0.0, 1, tags=tags)


@pytest.fixture
def routing(tmp_path: Path) -> Routing:
    (tmp_path / "catalogue.csv").write_text(CATALOGUE, encoding="utf-8-sig")
    (tmp_path / "routes.toml").write_text(ROUTES)
    return Routing(tmp_path / "catalogue.csv", tmp_path / "routes.toml")


@pytest.mark.parametrize(
    ("tags", "product", "lane"),
    [
        ([code("4006381333931", "EAN13")], "Boss 70", "7"),
        ([code("0036000291452", "EAN13")], "Tissues, soft", "8"),  # listed as UPC-A, read as EAN-13
        ([Tag("gtin", "00036000291452", 1.0, TagSource.BARCODE)], "Tissues, soft", "8"),
        ([code("BOX-1")], "Box one", "reject"),  # a pen, and no code of the fours
        ([code("box-1")], None, "reject"),
        ([Tag("class", "pallet", 0.9, TagSource.DETECTOR)], "Pallet", "reject"),
        ([Tag("class", "pallet", 0.9, TagSource.DETECTOR), code("BOX-1")], "Box one", "reject"),
        ([code("BOX-1"), code("4006381333931", "EAN13")], None, "reject"),  # two products are none
        ([], None, "reject"),
    ],
)
def test_a_parcel_gets_the_product_and_the_lane_of_its_tags(
    routing: Routing, tags: list[Tag], product: str | None, lane: str
):
    told = routing.tables.applied_to(event(*tags))
    assert (told.product, told.route) == (product, lane)
    assert told.tags[: len(tags)] == tuple(tags)


def test_what_the_catalogue_knows_is_told_with_its_source_and_both_digests(routing: Routing):
    told = routing.tables.applied_to(event(code("4006381333931", "EAN13")))
    known = [(tag.key, tag.value) for tag in told.tags if tag.source is TagSource.CATALOGUE]
    assert known == [("brand", "Stabilo"), ("category", "pens"), ("location", "A-12")]
    assert told.catalogue_digest is not None
    assert told.routes_digest is not None
    assert len({told.catalogue_digest, told.routes_digest}) == 2


def test_the_kind_of_an_event_can_decide_its_lane(routing: Routing):
    assert routing.tables.applied_to(event(kind=EventKind.MULTI_READ)).route == "hand"
    assert routing.tables.applied_to(event(kind=EventKind.NO_READ)).route == "reject"


def test_what_is_no_parcel_has_no_lane(routing: Routing):
    unseen = event(kind=EventKind.UNOBSERVED)
    assert routing.tables.applied_to(unseen) is unseen


def test_what_stands_on_a_shelf_has_a_product_and_no_lane(routing: Routing):
    pallet = Tag("class", "pallet", 0.9, TagSource.DETECTOR)
    told = routing.tables.applied_to(event(pallet, kind=EventKind.LOW_STOCK))
    assert (told.product, told.route, told.routes_digest) == ("Pallet", None, None)
    assert told.catalogue_digest == routing.tables.catalogue.digest
    assert Tag("location", "dock", 1.0, TagSource.CATALOGUE) in told.tags


def test_without_tables_events_stay_as_they_are():
    assert Routing(None, None).tables.applied_to(event(code("BOX-1"))) == event(code("BOX-1"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the first line of .* must name the columns value and product"),
        (b"value;product\n1;One\n", "separated by commas"),
        (b"value,product,value\n", "each once"),
        (b"value,product\n1\n", "line 2 has 1 cells, the first line 2"),
        (b"value,product\n1,One\n1,Two\n", "line 3: code 1 stands there twice"),
        (b"value,product\n1,\n", "line 2 has no product"),
        (b"value,product\n,One\n", "line 2 has no value"),
        (b"value,product\n1,On\xc3\xa9\x1b[31m\n", "line 2: product holds a character that cannot be shown"),
        (b"value,product\n1,\xff\n", "no UTF-8"),
        (b'value,product\n1,"One\n', "line 2"),
        (b"value,product\n036000291452,A\n0036000291452,B\n", "GTIN 00036000291452, which stands there twice"),
        (b"value,product\n1," + b"x" * 140_000 + b"\n", "line 2: field larger than field limit"),
        (b"value,product\n1,A\x00\n", "line 2"),
        ("value,product\n1,A\n".encode("utf-16"), "no UTF-8"),
    ],
)
def test_each_fault_of_a_catalogue_is_told_with_its_line(tmp_path: Path, content: bytes, said: str):
    path = tmp_path / "catalogue.csv"
    path.write_bytes(content)
    with pytest.raises(EdgekitError, match=said):
        load_catalogue(path)


def test_a_catalogue_too_large_is_refused_before_it_takes_memory(tmp_path: Path):
    path = tmp_path / "catalogue.csv"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # holes alone; read whole it would not fit
    with pytest.raises(EdgekitError, match="more than 64 MiB"):
        load_catalogue(path)


def test_a_product_that_is_listed_in_two_forms_is_one(tmp_path: Path):
    path = tmp_path / "catalogue.csv"
    path.write_text("tag,value,product\ncode,BOX-1,Box\nserial,77,Box\ngtin,00036000291452,Box\n")
    tags = (code("BOX-1"), Tag("gtin", "00036000291452", 1.0, TagSource.BARCODE))
    product = load_catalogue(path).product_of(tags)
    assert product is not None
    assert product.name == "Box"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "exception is missing"),
        ('exception = "a"\n[[route]]\nlane = "1"\nwhen = {}', "route"),
        ('exception = "a\\n"', "exception"),
        ('exception = "a"\nlane = 1', "unknown key lane"),
        ("exception", "not valid TOML"),
    ],
)
def test_each_fault_of_the_routes_is_told(tmp_path: Path, content: str, said: str):
    path = tmp_path / "routes.toml"
    path.write_text(content)
    with pytest.raises(EdgekitError, match=said):
        Routing(None, path)
