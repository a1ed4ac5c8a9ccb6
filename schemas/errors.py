"""The one tree of exceptions, split by what the caller does about them.

KhabarError
├── Refused          this record is bad: dead letter, go on
├── Unavailable      something that we depend on did not answer: try again later (never raised by a core)
└── Misconfigured    the operator has to act: say what was found and what to do, exit 2
"""

__all__ = ["KhabarError", "Misconfigured", "Refused", "Unavailable"]


class KhabarError(Exception):
    """Everything that Khabar raises on purpose."""


class Refused(KhabarError):
    """This record cannot be used; the message names the field and what was found.

    `cause` is the class of the refusal, one word that dead letters are counted and listed by: `not-json`, `invalid`,
    `empty`, `undated`, `late`, `too-large`.
    """

    def __init__(self, message: str, *, cause: str = "invalid") -> None:
        super().__init__(message)
        self.cause = cause


class Unavailable(KhabarError):
    """Something that we depend on did not answer; the same call may work later."""


class Misconfigured(KhabarError):
    """The operator has to act; the message says what was found and what to do."""
