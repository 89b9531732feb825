"""A taxonomy that contradicts itself is refused, and the fault is named."""

from typing import Any

import pytest
from pydantic import ValidationError

from edge.model.taxonomy import Attribute, Taxonomy

PRODUCT = {"name": "product", "values": ("lemon", "lime", "milk")}
KIND = {"name": "kind", "values": ("fruit", "dairy"), "implied_by": "product", "follows": (0, 0, 1)}


def test_columns_are_those_of_the_learnt_attributes_alone():
    colours: dict[str, Any] = {"name": "colour", "values": ("red", "blue"), "multiple": True}
    taxonomy = Taxonomy.model_validate({"attributes": (PRODUCT, colours, KIND)})
    assert taxonomy.columns == 5
    assert [attribute.name for attribute in taxonomy.learnt] == ["product", "colour"]
    assert [attribute.name for attribute in taxonomy.implied("product")] == ["kind"]
    assert taxonomy.attribute("kind") == Attribute.model_validate(KIND)
    assert taxonomy.attribute("size") is None


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"follows": (0, 0)}, "2 entries for 3 values"),
        ({"follows": (0, 0, 2)}, "none of its 2 values"),
        ({"implied_by": "category"}, "no learnt attribute"),
        ({"implied_by": None}, "stand together"),
        ({"values": ("fruit", "fruit")}, "more than once"),
        ({"values": ("fruit|juice", "dairy")}, "without |"),
        ({"name": "product"}, "same name"),
        ({"multiple": True}, "has one value"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name(changes: dict[str, Any], fault: str):
    with pytest.raises(ValidationError, match=fault.replace("|", r"\|")):
        Taxonomy.model_validate({"attributes": (PRODUCT, {**KIND, **changes})})


def test_nothing_follows_from_an_attribute_of_several_values():
    with pytest.raises(ValidationError, match="no learnt attribute of one value"):
        Taxonomy.model_validate({"attributes": ({**PRODUCT, "multiple": True}, KIND)})
