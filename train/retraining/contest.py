"""Champion and challenger, both as exported, on one test that neither has learnt from: what each class wins, loses."""

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from edge.evaluate.tagged_set import TaggedPicture
from edge.model.bundle import ClassifierBundle
from edge.model.classifier import Classifier
from edge.model.manifest import Precision
from edge.model.picture import read_picture
from edge.model.taxonomy import Taxonomy

REST = "the rest"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class ClassContest(_Record):
    """One value of one attribute: how many of its pictures each of the two tells."""

    attribute: str
    value: str = Field(description=f"`{REST}`: all old values with too few pictures to be judged by themselves")
    pictures: PositiveInt
    champion: NonNegativeInt | None = Field(description="null for a value that it has never learnt")
    challenger: NonNegativeInt

    @property
    def lost_points(self) -> float | None:
        """Points of recall that the challenger lost, None for a new value."""
        return 100 * (self.champion - self.challenger) / self.pictures if self.champion is not None else None


class Contest(_Record):
    """All of them, and who won."""

    champion_digest: str
    challenger_digest: str
    test_pictures: PositiveInt
    openings: PositiveInt = Field(description="how many times the old set's test part was opened, this one included")
    budget_points: float
    champion_precision: Precision = Field(
        default="fp32", description="of the champion's file; int8 where it has no other, the challenger's is fp32"
    )
    classes: tuple[ClassContest, ...]

    @property
    def over_budget(self) -> tuple[ClassContest, ...]:
        """What lost more than the budget allows."""
        return tuple(one for one in self.classes if (one.lost_points or 0.0) > self.budget_points)

    @property
    def passed(self) -> bool:
        """Whether the challenger may be released."""
        return not self.over_budget


def compared_precision(champion: ClassifierBundle) -> Precision:
    """Return which of a champion's files a challenger is held against: fp32 as its own is, where there is one.

    A box takes INT8 before FP32, but what INT8 costs is no merit of a challenger that has none yet.
    """
    return "fp32" if any(model.precision == "fp32" for model in champion.manifest.models) else "int8"


def told_right(classifier: Classifier, taxonomy: Taxonomy, pictures: Sequence[TaggedPicture]) -> list[dict[str, bool]]:
    """Return for each picture and attribute of one value whether a classifier is sure of the right value.

    Args:
        classifier: May know fewer values than the taxonomy.
        taxonomy: Of the pictures.
        pictures: To be told of.
    """
    single = [(index, one) for index, one in enumerate(taxonomy.learnt) if not one.multiple]

    def one(picture: TaggedPicture) -> dict[str, bool]:
        said = classifier.classify(read_picture(picture.path))
        return {
            attribute.name: said.value(attribute.name) == attribute.values[picture.tags[index][0]]
            for index, attribute in single
        }

    with ThreadPoolExecutor(classifier.info.requests) as pool:
        return list(pool.map(one, pictures))


def compare(
    old: Taxonomy,
    grown: Taxonomy,
    pictures: Sequence[TaggedPicture],
    champion: Sequence[dict[str, bool]],
    challenger: Sequence[dict[str, bool]],
    least_pictures: int,
) -> tuple[ClassContest, ...]:
    """Return what each value won or lost.

    Args:
        old: What the champion knows.
        grown: What the challenger knows, and the pictures are tagged by.
        pictures: Of the test.
        champion: What it told right, see `told_right`.
        challenger: The same.
        least_pictures: Old values with fewer are judged together: one picture must not decide.
    """
    found: list[ClassContest] = []
    for index, attribute in enumerate(grown.learnt):
        known = old.attribute(attribute.name)
        if attribute.multiple or known is None:
            continue
        rows: dict[str, list[int]] = defaultdict(list)
        for row, picture in enumerate(pictures):
            rows[attribute.values[picture.tags[index][0]]].append(row)
        few = [value for value in known.values if 0 < len(rows.get(value, ())) < least_pictures]
        if few:
            rows[REST] = [row for value in few for row in rows.pop(value)]
        for value in (*attribute.values, REST):
            if value in rows:
                old_one = value == REST or value in known.values
                found.append(
                    ClassContest(
                        attribute=attribute.name,
                        value=value,
                        pictures=len(rows[value]),
                        champion=sum(champion[row][attribute.name] for row in rows[value]) if old_one else None,
                        challenger=sum(challenger[row][attribute.name] for row in rows[value]),
                    )
                )
    return tuple(found)
