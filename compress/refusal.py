"""The error of a model that cannot be made smaller as asked for: a chain of steps goes on without that step."""

from devices.errors import EdgekitError


class RefusedError(EdgekitError):
    """A model cannot be pruned, or its budget cannot hold; trying again changes nothing."""
