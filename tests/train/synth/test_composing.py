"""Cut-outs pasted into scenes: labels are true to the pixel, light follows the scene, origins are on record."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet, open_set
from edge.evaluate.labels import read_labels
from train.data_cli import app
from train.sets import digest_of
from train.synth.composing import find_scenes, write_pasted
from train.synth.cut_outs import CutOut, find_cut_outs
from train.synth.pallets import write_pallets
from train.synth.pasting import box_of, lit, outline_of, paste, prepared
from train.synth.regions import read_regions
from train.synth.settings import PalletsConfig, PasteConfig

MakeSet = Callable[..., DetectionSet]


def write_cut_out(path: Path, side: int = 60) -> None:
    """Write a red disc with alpha, a green field around it that no alpha covers."""
    picture = np.zeros((side, side, 4), np.uint8)
    picture[..., 1] = 255
    cv2.circle(picture, (side // 2, side // 2), side // 2 - 4, (20, 20, 220, 255), -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    folder = tmp_path / "scenes"
    folder.mkdir()
    for index, level in enumerate((60, 120, 200)):
        cv2.imwrite(str(folder / f"{index}.png"), np.full((160, 240, 3), level, np.uint8))
    return folder


def test_pasted_products_lie_where_their_labels_say_and_bring_nothing_of_their_old_background(
    tmp_path: Path, scenes: Path
):
    write_cut_out(tmp_path / "cut" / "tin" / "a.png")
    config = PasteConfig(count=6, seed=2)
    summary = write_pasted(
        tmp_path / "set",
        config,
        find_cut_outs([tmp_path / "cut"], (), "CC0-1.0"),
        find_scenes(scenes, "CC0-1.0"),
        outlines=True,
    )
    opened = open_set(tmp_path / "set")
    assert opened.description.classes == opened.description.labelled == ("tin",)
    assert summary["train"] == 6
    assert summary["val"] == 0
    assert summary["tin"] >= 6
    for picture in opened.pictures("train"):
        image = np.asarray(cv2.imread(str(picture)), np.float32)
        blue, green, red = image[..., 0], image[..., 1], image[..., 2]
        painted = np.zeros(image.shape[:2], np.uint8)
        for label in read_labels(opened.label_file(picture), 1):
            assert label.polygon is not None
            corners = np.array(label.polygon) * (image.shape[1], image.shape[0])
            cv2.fillPoly(painted, [np.round(corners - 0.5).astype(np.int32)], (1.0,))
        looks_red = (red - blue > 40) & (red - green > 40)
        both = np.count_nonzero(looks_red & (painted > 0))
        either = np.count_nonzero(looks_red | (painted > 0))
        assert both / either > 0.8  # a coded picture smears colours over two pixels
        assert np.count_nonzero(green - red > 40) == 0


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path, scenes: Path):
    write_cut_out(tmp_path / "cut" / "tin" / "a.png")
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        found = find_cut_outs([tmp_path / "cut"], (), "CC0-1.0")
        write_pasted(tmp_path / name, PasteConfig(count=3, seed=seed), found, find_scenes(scenes, "CC0-1.0"))
    assert digest_of(tmp_path / "a") == digest_of(tmp_path / "b")
    assert digest_of(tmp_path / "a") != digest_of(tmp_path / "c")


def test_objects_of_a_set_are_pasted_beside_the_labels_of_another_with_all_licences_on_record(
    make_set: MakeSet, tmp_path: Path
):
    rare, shelf = make_set("rare", ("qr",), 2, pictures=3), make_set("shelf", ("carton", "qr"), 0, pictures=3)
    text = (rare.folder / "dataset.json").read_text().replace("CC0-1.0", "CC-BY-4.0")
    (rare.folder / "dataset.json").write_text(text)
    command = (
        f"synth paste {tmp_path / 'set'} --paste {rare.folder} --class qr --onto {shelf.folder} --count 8 --seed 3"
    )
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 0, done.output
    told = open_set(tmp_path / "set").description
    assert told.licence == "CC-BY-4.0 AND CC0-1.0"
    assert told.classes == shelf.description.classes
    assert told.labelled == ("carton", "qr")
    for used in (rare.description, shelf.description):
        assert used.digest in told.source
        assert used.name in told.source
    opened = open_set(tmp_path / "set")
    ids = [
        label.class_id
        for picture in opened.pictures("train")
        for label in read_labels(opened.label_file(picture), len(told.classes))
    ]
    assert ids.count(0) == 8  # each scene's own label, none of them hidden
    assert ids.count(2) >= 4


def test_what_is_known_of_a_rendered_scene_is_known_of_what_is_pasted_into(tmp_path: Path):
    write_pallets(tmp_path / "scenes", PalletsConfig(count=2, width_px=320, height_px=240, val_share=0.0, seed=5))
    write_cut_out(tmp_path / "cut" / "tin" / "a.png")
    found = find_cut_outs([tmp_path / "cut"], (), "CC0-1.0")
    write_pasted(tmp_path / "set", PasteConfig(count=2, seed=1), found, find_scenes(tmp_path / "scenes", None))
    before = {
        read_regions(tmp_path / "scenes", "train", picture.stem)
        for picture in open_set(tmp_path / "scenes").pictures("train")
    }
    opened = open_set(tmp_path / "set")
    tins = 0
    for picture in opened.pictures("train"):
        labels = list(read_labels(opened.label_file(picture), len(opened.description.classes)))
        regions = read_regions(opened.folder, "train", picture.stem)
        assert [opened.description.classes[label.class_id] for label in labels] == [one.kind for one in regions]
        of_scene = [(one.kind, one.text, one.article) for one in regions if one.kind != "tin"]
        assert of_scene in [[(one.kind, one.text, one.article) for one in told][: len(of_scene)] for told in before]
        assert any(text for _, text, _ in of_scene)
        articles = {article for *_, article in of_scene}
        assert articles.isdisjoint(one.article for one in regions if one.kind == "tin")
        tins += len(regions) - len(of_scene)
    assert tins > 0


def test_a_scene_whose_labels_were_changed_by_hand_is_not_given_texts_of_others(tmp_path: Path):
    write_pallets(tmp_path / "scenes", PalletsConfig(count=1, width_px=320, height_px=240, val_share=0.0, seed=5))
    opened = open_set(tmp_path / "scenes")
    path = opened.label_file(opened.pictures("train")[0])
    path.write_text("1 0.5 0.5 0.1 0.1\n" + path.read_text("utf-8"), "utf-8")
    write_cut_out(tmp_path / "cut" / "tin" / "a.png")
    found = find_cut_outs([tmp_path / "cut"], (), "CC0-1.0")
    write_pasted(tmp_path / "set", PasteConfig(count=1), found, find_scenes(tmp_path / "scenes", None))
    (picture,) = open_set(tmp_path / "set").pictures("train")
    assert {one.text for one in read_regions(tmp_path / "set", "train", picture.stem)} == {""}


def test_light_goes_half_of_the_way_to_the_scene():
    cut = CutOut(np.full((40, 40, 3), 120, np.uint8), np.full((40, 40), 255, np.uint8))
    thing = prepared(cut, 40, 0.0)
    rng = np.random.default_rng(0)
    dark = lit(rng, thing, np.full((40, 40, 3), 30, np.uint8)).image[thing.solid].mean()
    same = lit(rng, thing, np.full((40, 40, 3), 120, np.uint8)).image[thing.solid].mean()
    bright = lit(rng, thing, np.full((40, 40, 3), 240, np.uint8)).image[thing.solid].mean()
    assert 30 < dark < 100
    assert same == pytest.approx(120, abs=1)
    assert 140 < bright < 240


def test_edges_are_blended_and_the_box_holds_what_was_pasted():
    cut = CutOut(np.full((50, 80, 3), 250, np.uint8), np.full((50, 80), 255, np.uint8))
    thing = prepared(cut, 40, 0.3)
    canvas = np.zeros((100, 120, 3), np.uint8)
    paste(canvas, thing, 30, 20)
    rows, columns = np.nonzero(canvas[..., 0] > 127)
    assert box_of(thing, 30, 20) == pytest.approx((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), abs=1)
    between = (canvas[..., 0] > 10) & (canvas[..., 0] < 240)
    assert np.count_nonzero(between) > 60  # a rim of a pixel or two, no hard cut
    corners = np.array(outline_of(thing, 30, 20), np.float32)
    assert cv2.contourArea(corners) == pytest.approx(np.count_nonzero(canvas[..., 0] > 127), rel=0.05)


def test_what_cannot_be_pasted_is_told(make_set: MakeSet, tmp_path: Path, scenes: Path):
    write_cut_out(tmp_path / "cut" / "tin" / "a.png")
    with pytest.raises(EdgekitError, match="under which licence"):
        find_cut_outs([tmp_path / "cut"], (), None)
    with pytest.raises(EdgekitError, match="holds no cut-out"):
        find_cut_outs([scenes], (), "CC0-1.0")
    with pytest.raises(EdgekitError, match="no cut-out of jar"):
        find_cut_outs([tmp_path / "cut"], ("tin", "jar"), "CC0-1.0")
    with pytest.raises(EdgekitError, match="no picture to paste into"):
        find_scenes(tmp_path / "cut", "CC0-1.0")
    cv2.imwrite(str(tmp_path / "cut" / "tin" / "b.png"), np.zeros((40, 40, 3), np.uint8))
    (source,) = (
        source
        for source in find_cut_outs([tmp_path / "cut"], (), "CC0-1.0")[0].sources
        if source.picture.name == "b.png"
    )
    with pytest.raises(EdgekitError, match="no alpha"):
        source.cut()
    partial = make_set("partial", ("carton",), 0, pictures=2)
    rare = make_set("rare", ("qr",), 2, pictures=2)
    with pytest.raises(EdgekitError, match="does not label qr"):
        write_pasted(
            tmp_path / "set",
            PasteConfig(count=1),
            find_cut_outs([rare.folder], (), None),
            find_scenes(partial.folder, None),
        )
    assert not (tmp_path / "set").exists()
