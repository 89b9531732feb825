"""The score of reading photos counts what it says, and holds on real photos that nothing was tuned on."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp

from devices.errors import EdgekitError
from edge.evaluate.code_photos import canonical, known_photos, score_photos


def folder_of(folder: Path) -> Path:
    """Write three photos: one that is readable, one whose manifest says otherwise than the code, one without a code."""
    lines = ["file,format,kind,width,height,text"]
    for name, text, told in (("a.png", "A-1", "A-1"), ("b.png", "B-2", "B-3"), ("c.png", None, "")):
        photo = np.full((200, 200, 3), 255, np.uint8)
        if text is not None:
            code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
            drawn = np.asarray(code.to_image(scale=4, add_quiet_zones=True))
            drawn = drawn if drawn.ndim == 2 else drawn[:, :, 0]
            photo[20 : 20 + drawn.shape[0], 20 : 20 + drawn.shape[1]] = drawn[:, :, None]
        cv2.imwrite(str(folder / name), photo)
        lines.append(f"{name},{'QRCode' if text else ''},{'single' if text else 'negative'},200,200,{told}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_right_wrong_and_negative_photos_are_counted_apart(tmp_path: Path):
    scores = {score.symbology: score for score in score_photos(folder_of(tmp_path))}
    assert (scores["QRCode"].photos, scores["QRCode"].edgekit.right, scores["QRCode"].edgekit.wrong) == (2, 1, 1)
    assert (scores["QRCode"].defaults.right, scores["QRCode"].defaults.wrong) == (1, 1)
    assert (scores["negative"].photos, scores["negative"].edgekit.wrong) == (1, 0)


def test_the_halves_share_no_photo_and_leave_none_out(tmp_path: Path):
    folder = folder_of(tmp_path)
    halves = [{photo.path.name for photo in known_photos(folder, half)} for half in ("a", "b", "all")]
    assert halves[0] | halves[1] == halves[2] == {"a.png", "b.png", "c.png"}
    assert not halves[0] & halves[1]


def test_a_folder_without_a_manifest_or_with_another_is_refused(tmp_path: Path):
    with pytest.raises(EdgekitError, match=r"cannot read .*manifest\.csv"):
        score_photos(tmp_path)
    (tmp_path / "manifest.csv").write_text("file,what\na.png,b\n", encoding="utf-8")
    with pytest.raises(EdgekitError, match="lacks the column 'format'"):
        score_photos(tmp_path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("042100005264", "UPCA"), ("0042100005264", "EAN13")),
        (("a\r\nb", "QRCode"), ("a\nb", "QRCode")),
        (("(10)12A", "DataBarExp"), ("1012A", "DataBarExpanded")),
    ],
)
def test_texts_that_say_the_same_compare_as_the_same(one: tuple[str, str], other: tuple[str, str]):
    assert canonical(*one) == canonical(*other)


def test_real_photos_that_nothing_was_tuned_on_gain_five_points_without_a_wrong_text_more(data_folder: Path):
    scores = score_photos(data_folder / "barcode-decode", "b")
    shown = [score for score in scores if score.symbology != "negative"]
    photos = sum(score.photos for score in shown)
    right, default = sum(s.edgekit.right for s in shown), sum(s.defaults.right for s in shown)
    assert photos > 150
    assert (right - default) / photos >= 0.05
    assert sum(score.edgekit.wrong for score in shown) / photos <= 0.01
    assert [score.edgekit.wrong for score in scores if score.symbology == "negative"] == [0]
