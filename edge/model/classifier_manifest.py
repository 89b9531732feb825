"""The manifest of a classifier's bundle: what its columns mean, and when it had better say that it does not know."""

from typing import Literal

from pydantic import Field, NonNegativeInt, model_validator

from edge.model.manifest import BundleManifest, MemberPath, Part, Share
from edge.model.several import SeveralHead
from edge.model.taxonomy import Taxonomy


class ExpectedTag(Part):
    """What a classifier must say of its self-test picture."""

    attribute: str
    value: str
    score: Share


class ClassifierSelfTest(Part):
    """A picture and what the model must say of it, checked whenever the bundle is loaded."""

    picture: MemberPath
    expected: tuple[ExpectedTag, ...] = Field(min_length=1)
    score_tolerance: Share = 0.2


class ClassifierManifest(BundleManifest):
    """The whole manifest.

    The model gives one row: a score for each value of each learnt attribute, in the taxonomy's order, or for each set
    of values where a head says so, then the embedding.
    """

    task: Literal["classify"] = "classify"
    taxonomy: Taxonomy
    embedding: NonNegativeInt = Field(default=0, description="columns behind the scores: features of unit length")
    thresholds: dict[str, Share] = Field(
        description="by attribute: a score below it means unknown; of several values, those at or above it are said"
    )
    heads: dict[str, SeveralHead] = Field(
        default={}, description="by attribute of several values: how it is told; each value by itself if not named"
    )
    gallery: bool = Field(default=False, description="whether gallery.json and gallery.npy tell products by embedding")
    self_test: ClassifierSelfTest

    @model_validator(mode="after")
    def _agrees(self) -> "ClassifierManifest":
        names = {attribute.name for attribute in self.taxonomy.attributes}
        if self.thresholds.keys() != names:
            raise ValueError(f"thresholds are of {sorted(self.thresholds)}, the attributes {sorted(names)}")
        for name, head in self.heads.items():
            attribute = self.taxonomy.attribute(name)
            if attribute is None or not head.fits(attribute):
                raise ValueError(f"the head of {name} is of no attribute of several values that is known")
        if self.gallery and not self.embedding:
            raise ValueError("a gallery is searched by embedding, which the model does not give")
        for expected in self.self_test.expected:
            attribute = self.taxonomy.attribute(expected.attribute)
            if attribute is None or expected.value not in attribute.values:
                raise ValueError(f"the self-test expects {expected.attribute} {expected.value}, which does not exist")
        return self

    @property
    def self_test_picture(self) -> str:
        """Path of the picture that the models prove themselves on."""
        return self.self_test.picture
