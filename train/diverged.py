"""What a training is stopped with whose loss is no number any more."""

from devices.errors import EdgekitError


class DivergedError(EdgekitError):
    """A loss or gradient became NaN or infinite: other settings may well do."""
