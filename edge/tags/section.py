"""The [ocr] part of box.toml: how printed fields are read."""

from pydantic import Field, model_validator

from edge.section import Section


class Ocr(Section):
    """Field regions (name, brand, price, batch, date) that the detector finds on a parcel or a product are read."""

    agreeing_looks: int = Field(default=2, ge=1, description="pictures that must give the same text")
    most_looks: int = Field(default=6, ge=1, description="pictures after which a field that is not sure stays unknown")

    @model_validator(mode="after")
    def _looks_suffice(self) -> "Ocr":
        if self.most_looks < self.agreeing_looks:
            raise ValueError(f"most_looks {self.most_looks} is less than agreeing_looks {self.agreeing_looks}")
        return self
