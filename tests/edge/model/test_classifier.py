"""A classifier says what it is sure of, calls the rest unknown, never contradicts itself, and proves itself first."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pydantic import ValidationError

from devices.errors import EdgekitError
from edge.model.bundle import open_any_bundle, open_bundle, open_classifier_bundle
from edge.model.classifier import TagDecoder, load_classifier
from edge.model.classifier_manifest import ClassifierManifest, ClassifierSelfTest, ExpectedTag
from edge.model.several import SeveralHead
from edge.model.taxonomy import Attribute, Taxonomy

Make = Callable[..., Any]
BACKENDS: Any = ("openvino", "onnxruntime")
SHOP = Taxonomy(
    attributes=(
        Attribute(name="product", values=("lemon", "lime", "milk", "cream")),
        Attribute(name="signs", values=("sale", "organic"), multiple=True),
        Attribute(name="category", values=("citrus", "dairy"), implied_by="product", follows=(0, 0, 1, 1)),
    )
)
THRESHOLDS = {"product": 0.5, "signs": 0.5, "category": 0.7}


def plain(bgr: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.full((20, 30, 3), bgr, np.uint8)


def row(*scores: float) -> NDArray[np.float32]:
    return np.array(scores, np.float32)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_picture_gets_its_value_and_what_follows_from_it(make_classifier_bundle: Make, backend: Any):
    made = make_classifier_bundle()
    classifier = load_classifier(open_classifier_bundle(made.folder, [made.public]), backend=backend)
    said = classifier.classify(plain((0, 0, 220)))
    assert (said.value("colour"), said.value("warmth")) == ("red", "warm")
    assert classifier.classify(plain((220, 0, 0))).value("warmth") == "cold"
    assert len(said.embedding) == 0


def test_a_picture_of_nothing_known_is_unknown_and_what_is_sure_of_it_is_still_told(make_classifier_bundle: Make):
    made = make_classifier_bundle()
    classifier = load_classifier(open_classifier_bundle(made.folder, [made.public]))
    grey = classifier.classify(plain((128, 128, 128)))
    assert (grey.value("colour"), grey.value("warmth")) == (None, None)
    cyan = classifier.classify(plain((220, 220, 0)))
    assert (cyan.value("colour"), cyan.value("warmth")) == (None, "cold")


def test_the_category_of_an_unknown_product_is_told_where_its_products_agree():
    said = TagDecoder(SHOP, THRESHOLDS).decode(row(0.45, 0.4, 0.1, 0.05, 0.1, 0.9))
    assert (said.value("product"), said.value("category"), said.value("signs")) == (None, "citrus", "organic")


def test_several_values_are_told_or_none_and_features_follow_the_scores():
    decoder = TagDecoder(SHOP, THRESHOLDS, embedding=2)
    said = decoder.decode(row(0.9, 0.1, 0, 0, 0.8, 0.7, 0.6, 0.8))
    assert [tag.value for tag in said.tags if tag.attribute == "signs"] == ["sale", "organic"]
    assert said.embedding.tolist() == pytest.approx([0.6, 0.8])
    none = decoder.decode(row(0.9, 0.1, 0, 0, 0.1, 0.2, 0.6, 0.8))
    assert [tag.attribute for tag in none.tags] == ["product", "category"]


@given(arrays(np.float32, 6, elements=st.floats(0, 1, width=32)))
def test_no_answer_ever_contradicts_itself(scores: NDArray[np.float32]):
    said = TagDecoder(SHOP, THRESHOLDS).decode(scores)
    by_name = {tag.attribute: tag for tag in said.tags if tag.attribute != "signs"}
    product, category = by_name["product"], by_name["category"]
    follows = SHOP.attributes[2].follows[SHOP.attributes[0].values.index(product.value)]
    assert category.value == SHOP.attributes[2].values[follows]
    assert category.sure or not product.sure


def test_a_model_that_says_otherwise_than_its_self_test_does_not_start(make_classifier_bundle: Make):
    wrong = ClassifierSelfTest(picture="red.png", expected=(ExpectedTag(attribute="colour", value="green", score=0.9),))
    made = make_classifier_bundle(self_test=wrong)
    with pytest.raises(EdgekitError, match=r"fails its self-test .* no colour green of score 0\.90"):
        load_classifier(open_classifier_bundle(made.folder, [made.public]))


def test_a_bundle_that_describes_another_model_is_refused(make_classifier_bundle: Make):
    made = make_classifier_bundle(embedding=8)
    with pytest.raises(EdgekitError, match=r"output is \(1, 6\), not \(1, 11\)"):
        load_classifier(open_classifier_bundle(made.folder, [made.public]))


def test_each_kind_of_bundle_is_taken_for_what_it_is(make_classifier_bundle: Make, make_bundle: Make):
    classifier, detector = make_classifier_bundle(), make_bundle()
    with pytest.raises(EdgekitError, match="is a classifier's bundle, where a detector's is needed"):
        open_bundle(classifier.folder, [classifier.public])
    with pytest.raises(EdgekitError, match="is a detector's bundle, where a classifier's is needed"):
        open_classifier_bundle(detector.folder, [detector.public])
    assert open_any_bundle(classifier.folder, [classifier.public]).manifest.task == "classify"
    assert open_any_bundle(detector.folder, [detector.public]).manifest.task == "detect"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"thresholds": {"colour": 0.5}}, "thresholds are of"),
        (
            {"self_test": {"picture": "red.png", "expected": ({"attribute": "colour", "value": "pink", "score": 1},)}},
            "which does not exist",
        ),
    ],
)
def test_a_manifest_whose_parts_do_not_fit_is_refused(make_classifier_bundle: Make, changes: Any, fault: str):
    with pytest.raises(ValueError, match=fault):
        make_classifier_bundle(**changes)


POWERSET = SeveralHead(method="powerset", label_sets=((), (1,), (0, 1)))
BY_VALUE = SeveralHead(method="powerset-values", label_sets=POWERSET.label_sets)
SHARES = st.integers(0, 64).map(lambda whole: whole / 64)  # sums of these are exact, at the threshold too


@given(arrays(np.float32, 3, elements=st.floats(0, 1, width=32)))
def test_a_powerset_says_none_but_sets_that_it_knows(scores: NDArray[np.float32]):
    decoder = TagDecoder(SHOP, THRESHOLDS, embedding=1, heads={"signs": POWERSET})
    said = decoder.decode(np.concatenate([row(0.9, 0.1, 0, 0), scores, row(1.0)]))
    signs = tuple(tag.value for tag in said.tags if tag.attribute == "signs")
    assert signs in ((), ("organic",), ("sale", "organic"))
    assert all(tag.sure == (scores.max() >= THRESHOLDS["signs"]) for tag in said.tags if tag.attribute == "signs")
    assert said.scores.shape == (6,)
    assert said.embedding.tolist() == [1.0]


def test_a_powersets_value_is_as_likely_as_all_sets_that_hold_it():
    said = TagDecoder(SHOP, THRESHOLDS, heads={"signs": POWERSET}).decode(row(0.9, 0.1, 0, 0, 0.1, 0.3, 0.6))
    assert {tag.value: tag.score for tag in said.tags if tag.attribute == "signs"} == {
        "sale": pytest.approx(0.6),
        "organic": pytest.approx(0.9),
    }


@given(arrays(np.float32, 3, elements=SHARES), SHARES)
def test_a_powerset_by_value_says_those_whose_sets_come_to_the_threshold(scores: NDArray[np.float32], threshold: float):
    decoder = TagDecoder(SHOP, {**THRESHOLDS, "signs": threshold}, heads={"signs": BY_VALUE})
    said = [
        tag for tag in decoder.decode(np.concatenate([row(0.9, 0.1, 0, 0), scores])).tags if tag.attribute == "signs"
    ]
    sums = {"sale": scores[2], "organic": scores[1] + scores[2]}
    assert {tag.value: tag.score for tag in said} == {
        value: min(1.0, total) for value, total in sums.items() if min(1.0, total) >= threshold
    }
    assert all(tag.sure for tag in said)


def test_a_powerset_by_value_says_what_doubtful_sets_share_where_one_of_the_likeliest_set_is_unknown():
    scores = row(0.9, 0.1, 0, 0, 0.2, 0.36, 0.44)
    whole, by_value = (
        TagDecoder(SHOP, THRESHOLDS, heads={"signs": one}).decode(scores) for one in (POWERSET, BY_VALUE)
    )
    signs = [[(tag.value, tag.sure) for tag in said.tags if tag.attribute == "signs"] for said in (whole, by_value)]
    assert signs == [[("sale", False), ("organic", False)], [("organic", True)]]
    assert whole.scores.tolist() == by_value.scores.tolist()


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ({"method": "powerset"}, "label_sets stand there for powerset"),
        ({"method": "powerset-values"}, "label_sets stand there for powerset"),
        ({"method": "chain", "label_sets": [[0]]}, "label_sets stand there for powerset"),
        ({"method": "powerset-values", "label_sets": [[0, 1], [1, 0]]}, "holds a set twice"),
        ({"method": "powerset-values", "label_sets": [[-1]]}, "greater than or equal to 0"),
        ({"method": "powerset-sets", "label_sets": [[0]]}, "Input should be 'one-vs-all'"),
        ({"method": "powerset", "label_sets": [[0, 1], [1, 0]]}, "holds a set twice"),
    ],
)
def test_a_head_that_contradicts_itself_is_refused(head: dict[str, Any], fault: str):
    with pytest.raises(ValidationError, match=fault):
        SeveralHead.model_validate(head)


@pytest.mark.parametrize("method", ["powerset", "powerset-values"])
def test_a_head_whose_sets_hold_a_value_that_does_not_exist_fits_nothing(method: Any):
    signs = SHOP.attributes[1]
    assert SeveralHead(method=method, label_sets=((0, 1),)).fits(signs)
    assert not SeveralHead(method=method, label_sets=((0, 2),)).fits(signs)


def test_a_head_of_no_attribute_of_several_values_is_refused(make_classifier_bundle: Make):
    made = make_classifier_bundle()
    manifest = open_classifier_bundle(made.folder, [made.public]).manifest.model_dump()
    several = [{"method": method, "label_sets": [[7]]} for method in ("powerset", "powerset-values")]
    for head in ({"method": "chain"}, *several):
        with pytest.raises(ValidationError, match="the head of colour is of no attribute of several values"):
            ClassifierManifest.model_validate({**manifest, "heads": {"colour": head}})
