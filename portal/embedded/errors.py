"""The one error of this package: a sentence for the person at the terminal."""


class EmbeddedError(Exception):
    """Something a person can mend; the message says what happened and what to do."""
