"""The one root of every error that edgekit raises on purpose, in the lowest layer so that all layers share it."""


class EdgekitError(Exception):
    """A failure that the user can mend.

    The message says what failed, where, and how to mend it; the command line prints it as one line and exits with 1.
    """
