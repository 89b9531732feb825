"""A student stands beside the same network without a teacher, and what teaches nothing is called no teacher."""

from collections.abc import Callable
from pathlib import Path

import pytest

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedSet
from train.classifier.report import report_run
from train.classifier.run import train_classifier
from train.classifier.settings import ClassifierSettings
from train.classifier.twin import compare_twin
from train.classifier.twin_record import TwinReport, TwinScore, read_twin

Tiny = Callable[..., ClassifierSettings]


def test_a_student_is_set_beside_its_twin_and_the_report_tells_it(coloured: TaggedSet, tiny: Tiny, tmp_path: Path):
    teacher, student, twin = (tmp_path / name for name in ("teacher", "student", "twin"))
    train_classifier(tiny(schedule={"epochs": 12}), coloured, teacher)
    train_classifier(tiny(teaching={"teachers": (teacher,)}, schedule={"learning_rate": 1e-6}), coloured, student)
    assert "set it beside its twin" in report_run(student, coloured).read_text("utf-8")
    train_classifier(tiny(schedule={"learning_rate": 1e-6}), coloured, twin)
    report = compare_twin(student, twin, coloured)
    assert [score.attribute for score in report.scores] == ["colour", "warmth"]
    assert report.scores[0].teacher >= 89
    assert report.lead >= 20
    assert report.verdict.startswith("teacher is teacher: +")
    assert read_twin(student) == report
    assert "teacher is teacher" in report_run(student, coloured).read_text("utf-8")
    with pytest.raises(EdgekitError, match="name them in this order"):
        compare_twin(twin, student, coloured)
    train_classifier(tiny(schedule={"epochs": 1}), coloured, tmp_path / "other")
    with pytest.raises(EdgekitError, match=r"is no twin of .+: schedule differs"):
        compare_twin(student, tmp_path / "other", coloured)
    (teacher / "weights" / "best.pt").write_bytes(b"another")
    with pytest.raises(EdgekitError, match="is not the teacher any more that it was"):
        compare_twin(student, twin, coloured)


@pytest.mark.parametrize(("teacher", "told"), [(83.0, "T is no teacher: +1.5"), (83.5, "T is teacher: +2.0")])
def test_a_teacher_is_one_from_two_points_above_the_twin_on(teacher: float, told: str):
    score = TwinScore(attribute="product", teacher=teacher, twin=81.5, student=82, gain=0.5, low=-1, high=2)
    assert told in TwinReport(twin="twin", teachers=("T",), pictures=100, scores=(score,)).verdict
