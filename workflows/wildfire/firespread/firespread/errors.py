"""What a user of the program can put right."""


class InputError(Exception):
    """The input is wrong; the message says in one sentence what, and what to do."""
