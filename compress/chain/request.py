"""`request.json`: what a chain of compression was asked for, held against when it goes on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from compress.budget import Budget
from compress.source import Source
from devices.errors import EdgekitError
from devices.validation import checked
from edge.evaluate.dataset import DetectionSet
from edge.model.manifest import Part, Sha256
from train.checkpoints import checkpoint_sha256

REQUEST = "request.json"


class ChainRequest(Part):
    """All that decides a chain."""

    schema_id: Literal["edgekit.chain/1"] = Field(default="edgekit.chain/1", alias="schema")
    model_sha256: Sha256 = Field(description="of the checkpoint that it begins with")
    teacher_sha256: Sha256 | None = None
    sets: dict[str, Sha256] = Field(description="digest by name")
    budget: Budget
    target: str
    original_size: tuple[PositiveInt, PositiveInt] = Field(description="rows and columns that all is held against")
    size: tuple[PositiveInt, PositiveInt] = Field(description="rows and columns of what is published")
    margin: NonNegativeInt = 0
    top_k: bool = False
    macs: float = Field(default=0.7, gt=0, lt=1, description="share of the multiplications that pruning leaves at most")
    epochs: PositiveInt = Field(default=8, description="of each training")
    pictures: PositiveInt = Field(default=300, description="that INT8 is calibrated on")
    seed: NonNegativeInt = 0

    def keep_in(self, out: Path) -> None:
        """Write the request into a new chain's folder, or check that it is the one that the chain there was begun with.

        Raises:
            EdgekitError: The folder holds something else, or a chain that was asked for something else.
        """
        path = out / REQUEST
        if path.exists():
            begun = path.read_text(encoding="utf-8")
            if begun != self._written:
                raise EdgekitError(
                    f"the chain in {out} was begun with another model, sets or options, "
                    f"see {path}: go on with those, or choose another folder"
                )
            return
        if out.exists() and any(out.iterdir()):
            raise EdgekitError(f"{out} holds something else than a chain: choose another folder")
        out.mkdir(parents=True, exist_ok=True)
        partial = out / f".{REQUEST}.partial"
        partial.write_text(self._written, encoding="utf-8")
        partial.replace(path)

    @property
    def _written(self) -> str:
        return self.model_dump_json(indent=1, by_alias=True) + "\n"


def request_for(
    source: Source,
    teacher: Source | None,
    sets: Sequence[DetectionSet],
    *,
    height: int | None,
    width: int | None,
    **options: Any,
) -> ChainRequest:
    """Return the request of a chain that begins with a run.

    Args:
        source: The run.
        teacher: To distil from.
        sets: To train, calibrate and score on.
        height: Rows of the input to publish; None: the training's own.
        width: Columns of that input; None: the training's own.
        options: Fields of `ChainRequest`.

    Raises:
        EdgekitError: A bare checkpoint was given for a run, or a value is not allowed.
    """
    if source.config is None:
        raise EdgekitError(f"{source.weights} is a bare checkpoint: name the folder of a training")
    rows, columns = source.config.settings.input_size
    return checked(
        ChainRequest,
        model_sha256=checkpoint_sha256(source.weights),
        teacher_sha256=checkpoint_sha256(teacher.weights) if teacher is not None else None,
        sets={opened.description.name: opened.description.digest for opened in sets},
        original_size=(rows, columns),
        size=(height or rows, width or columns),
        **options,
    )
