"""A gallery knows products from a few pictures, says nothing of what is near to none or to two, and is mere data."""

import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.bundle import open_classifier_bundle
from edge.model.classifier import load_classifier, load_gallery
from edge.model.gallery import MATRIX, RECORD, build_gallery, read_gallery
from edge.tags.said import attributes_of, said_of

Make = Callable[..., Any]


def unit(*values: float) -> NDArray[np.float32]:
    vector = np.array(values, np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def picture(bgr: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.full((30, 30, 3), bgr, np.uint8)


FRUIT = {"lemon": [unit(1, 0, 0), unit(1, 0.2, 0)], "kiwi": [unit(0, 1, 0)], "plum": [unit(0, 0, 1)]}


def test_the_most_similar_picture_of_any_product_decides():
    match = build_gallery(FRUIT).search(unit(1, 0.2, 0.05))
    assert match is not None
    assert (match.name, match.score) == ("lemon", pytest.approx(0.9988, abs=1e-3))


def test_what_is_near_to_none_or_as_near_to_another_is_unknown():
    gallery = build_gallery(FRUIT, threshold=0.6, margin=0.1)
    assert gallery.search(unit(-1, -1, -1)) is None
    assert gallery.search(unit(0, 1, 0.97)) is None  # 0.72 to kiwi, 0.70 to plum
    match = gallery.search(unit(0, 1, 0.5))
    assert match is not None
    assert (match.name, match.score) == ("kiwi", pytest.approx(0.894, abs=1e-3))


@given(st.integers(0, 2**32 - 1))
def test_every_picture_of_a_gallery_is_found_again_as_its_own_product(seed: int):
    random = np.random.default_rng(seed)
    products = {f"p{n}": [unit(*random.normal(size=16)) for _ in range(1 + n % 3)] for n in range(6)}
    gallery = build_gallery(products, threshold=0.5, margin=0.0)
    for name, rows in products.items():
        for row in rows:
            match = gallery.search(row)
            assert match is not None
            assert (match.name, match.score) == (name, pytest.approx(1.0, abs=1e-5))


def test_a_gallery_comes_back_from_its_files_as_it_was():
    files = build_gallery(FRUIT, attribute="fruit", threshold=0.5, margin=0.02).files()
    again = read_gallery(files[RECORD], files[MATRIX], "here")
    assert again.files() == files
    assert (again.names, again.width, again.record.attribute) == (("kiwi", "lemon", "plum"), 3, "fruit")


def _npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def _zipped(array: Any) -> bytes:
    out = io.BytesIO()
    np.savez(out, array)
    return out.getvalue()


@pytest.mark.parametrize(
    ("matrix", "why"),
    [
        (_npy(np.eye(3, dtype=np.float32)), r"is \(3, 3\) float32, not \(4, width\)"),
        (_npy(np.eye(4)), "no array of float32"),
        (_npy(np.ones((4, 3), np.float32))[:-1], "47 bytes of numbers"),
        (_npy(np.ones((4, 3), np.float32)).replace(b"(4, 3), }   ", b"(4, 3000), }"), r"says \(4, 3000\)"),
        (_npy(np.ones((4, 3), np.float32)).replace(b"3), }" + b" " * 15, b"9" * 17 + b"), }"), "no array"),
        (_npy(np.ones((4, 3), np.float32)).replace(b"(4, 3), }" + b" " * 40, b"(" * 49), "no array"),
        (_zipped(np.ones((4, 3), np.float32)), "no array"),
        (b"PK\x03\x04 and no more", "no array"),
        (_npy(np.full((4, 3), 1, np.float32)), "not of unit length"),
        (_npy(np.array([{}], object)), "cannot be read"),
        (pickle.dumps([1.0]), "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_files_that_are_no_gallery_are_refused_and_nothing_in_them_is_run(matrix: bytes, why: str):
    with pytest.raises(EdgekitError, match=why):
        read_gallery(build_gallery(FRUIT).files()[RECORD], matrix, "here")


def test_a_gallery_without_pictures_is_refused():
    with pytest.raises(EdgekitError, match="a picture of each product: kiwi"):
        build_gallery({"lemon": FRUIT["lemon"], "kiwi": []})
    with pytest.raises(EdgekitError, match="there is no product"):
        build_gallery({})


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_a_bundles_gallery_tells_products_that_its_classifier_never_learnt(make_classifier_bundle: Make, backend: Any):
    teal, grey = unit(200, 200, 20), unit(1, 1, 1)
    made = make_classifier_bundle(gallery=build_gallery({"teal": [teal], "grey": [grey]}, attribute="colour"))
    bundle = open_classifier_bundle(made.folder, [made.public])
    classifier, gallery = load_classifier(bundle, backend=backend), load_gallery(bundle)
    taxonomy = bundle.manifest.taxonomy
    assert attributes_of(taxonomy, gallery).values["colour"] == ("blue", "green", "red", "grey", "teal")

    def told(bgr: tuple[int, int, int]) -> set[tuple[str, str, str]]:
        said = said_of(classifier.classify(picture(bgr)), taxonomy, gallery)
        return {(tag.key, tag.value, tag.source.value) for tag in said}

    assert ("colour", "teal", "gallery") in told((190, 200, 20))
    assert told((0, 0, 220)) == {("colour", "red", "classifier"), ("warmth", "warm", "classifier")}


def test_where_classifier_and_gallery_disagree_on_what_both_know_it_is_unknown(make_classifier_bundle: Make):
    made = make_classifier_bundle(gallery=build_gallery({"green": [unit(0, 0, 1)]}, attribute="colour"))
    bundle = open_classifier_bundle(made.folder, [made.public])
    said = load_classifier(bundle).classify(picture((0, 0, 220)))
    tags = said_of(said, bundle.manifest.taxonomy, load_gallery(bundle))
    assert [(tag.key, tag.value) for tag in tags] == [("warmth", "warm")]


def test_a_gallery_of_another_models_embeddings_is_refused(make_classifier_bundle: Make):
    made = make_classifier_bundle(gallery=build_gallery({"teal": [unit(1, 1, 0, 0)]}, attribute="colour"))
    with pytest.raises(EdgekitError, match="embeddings of 4 columns, the model gives 3"):
        load_gallery(open_classifier_bundle(made.folder, [made.public]))
