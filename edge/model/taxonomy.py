"""What a classifier can say of a picture: attributes, their values, and which of them follow from others."""

from collections import Counter
from typing import Annotated

from pydantic import Field, model_validator

from edge.model.manifest import Part

Name = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", description="lower-case letters, digits and _, beginning with a letter"),
]
ProductName = Annotated[
    str,
    Field(
        pattern=r"^[^\x00-\x1f\x7f|]{1,100}$",
        description="1 to 100 characters that can be shown, without |, which parts several values",
    ),
]
LEAST_VALUES = 2


class Attribute(Part):
    """One thing that can be said of a picture: its product, its colour, its packaging.

    A product's category need not be learnt: it follows from the product. Such an attribute names the one that implies
    it, and so can never contradict it.
    """

    name: Name
    values: tuple[str, ...] = Field(min_length=LEAST_VALUES)
    multiple: bool = Field(default=False, description="whether a picture may have several values, or none")
    implied_by: Name | None = Field(default=None, description="the attribute that this one follows from")
    follows: tuple[int, ...] = Field(
        default=(), description="index of the value that follows, by index of the implying attribute's value"
    )

    @model_validator(mode="after")
    def _whole(self) -> "Attribute":
        twice = sorted(value for value, count in Counter(self.values).items() if count > 1)
        if twice:
            raise ValueError(f"{self.name}: {', '.join(twice)} stands there more than once")
        if "|" in "".join(self.values) or "" in self.values:
            raise ValueError(f"{self.name}: a value is a text without |, which parts several values of one picture")
        if bool(self.follows) != (self.implied_by is not None):
            raise ValueError(f"{self.name}: implied_by and follows stand together or not at all")
        if any(not 0 <= index < len(self.values) for index in self.follows):
            raise ValueError(f"{self.name}: follows holds an index that is none of its {len(self.values)} values")
        if self.multiple and self.implied_by is not None:
            raise ValueError(f"{self.name}: what follows from another attribute has one value")
        return self


class Taxonomy(Part):
    """All attributes of a set or a classifier, those that are learnt before those that follow from them."""

    attributes: tuple[Attribute, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> "Taxonomy":
        learnt: dict[str, Attribute] = {}
        names = [attribute.name for attribute in self.attributes]
        if len(set(names)) != len(names):
            raise ValueError(f"two attributes have the same name: {', '.join(names)}")
        for attribute in self.attributes:
            if attribute.implied_by is None:
                learnt[attribute.name] = attribute
                continue
            source = learnt.get(attribute.implied_by)
            if source is None or source.multiple:
                raise ValueError(
                    f"{attribute.name} follows from {attribute.implied_by}, which is no learnt attribute of one value "
                    "that stands before it"
                )
            if len(attribute.follows) != len(source.values):
                raise ValueError(
                    f"{attribute.name}: follows has {len(attribute.follows)} entries for {len(source.values)} values "
                    f"of {source.name}"
                )
        return self

    @property
    def learnt(self) -> tuple[Attribute, ...]:
        """Those that a model learns."""
        return tuple(attribute for attribute in self.attributes if attribute.implied_by is None)

    @property
    def columns(self) -> int:
        """Number of values over all learnt attributes: the columns of a classifier's scores."""
        return sum(len(attribute.values) for attribute in self.learnt)

    def implied(self, name: str) -> tuple[Attribute, ...]:
        """Return the attributes that follow from one."""
        return tuple(attribute for attribute in self.attributes if attribute.implied_by == name)

    def attribute(self, name: str) -> Attribute | None:
        """Return the attribute of a name, None where there is none."""
        return next((attribute for attribute in self.attributes if attribute.name == name), None)
