"""The one exception of the development commands that the person at the keyboard is meant to read."""


class Stop(Exception):
    """The command cannot go on. The message is one line and says what to do next."""
