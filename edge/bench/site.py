"""The box.toml that a bench's recommendation goes into: it names what is measured, and says how it runs afterwards."""

from pathlib import Path
from typing import final

from devices.errors import EdgekitError
from edge.bench.plan import Mode
from edge.bench.record import Way
from edge.config import BoxConfig, load_config
from edge.config_file import ConfigFile
from edge.model.engine import Device


@final
class Site:
    """A box.toml that can be written.

    Args:
        path: Of the file.

    Raises:
        EdgekitError: It cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.config: BoxConfig = load_config(path)
        self._file = ConfigFile(path)
        if self._file.locked is not None:
            raise EdgekitError(self._file.locked)

    def check_device(self, device: Device) -> None:
        """Check that models are measured where they compute on this box.

        Raises:
            EdgekitError: They are not.
        """
        own = self.config.inference.device
        if device != own:
            raise EdgekitError(f"{self._file.path} computes on {own}, not on {device}: add --device {own}")

    def check_measures(self, digests: tuple[str, ...], digest: str) -> None:
        """Check that what is measured is what this box runs.

        Args:
            digests: Of the bundles that are measured.
            digest: Of the box's own.

        Raises:
            EdgekitError: It is not.
        """
        if digests != (digest,):
            raise EdgekitError(
                f"{self._file.path} runs the bundle {self.config.bundle.path}, and that is not what is measured: leave "
                "--bundle out, or --write"
            )

    def write(self, way: Way, mode: Mode) -> str:
        """Write how the model is to run, and return what was done in one line.

        Raises:
            EdgekitError: The file cannot be written.
        """
        values = {"backend": way.backend, "precision": way.wanted, "mode": mode}
        self._file.set_inference(**values)
        told = ", ".join(f'{key} = "{value}"' for key, value in values.items())
        return (
            f"{self._file.path}: [inference] now says {told}; it holds from the next start on, "
            f"and the file before is {self._file.previous.name}"
        )
