"""What went wrong with a request, as it is stored: a code and what belongs to it; pages and the API put it into words."""

from dataclasses import dataclass
from enum import StrEnum

from hub.security.outside import OutsideError

_MARK = "!"  # no sentence begins with it; before there were codes, sentences were stored
_LONGEST = 500


class Code(StrEnum):
    """Besides those of `hub.security.outside.Why`; stored, so a name is never given another meaning."""

    REDIRECT = "redirect"  # the status
    GONE = "gone"
    STATUS = "status"  # the status
    BROKEN_OFF = "broken_off"


@dataclass(frozen=True, slots=True)
class Fault:
    """A code, and what belongs to it."""

    code: str
    detail: str = ""

    @property
    def stored(self) -> str:
        return f"{_MARK}{self.code} {self.detail[:_LONGEST]}".rstrip()


def of_answer(status: int) -> Fault | None:
    """Return what is wrong with an answer. Its body says nothing: whatever it is, 2xx means that it arrived."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return Fault(Code.REDIRECT, str(status))
    return Fault(Code.GONE) if status == 410 else Fault(Code.STATUS, str(status))


def of_error(error: OutsideError) -> Fault:
    """Return why there was no answer."""
    return Fault(error.why, error.detail)


def read(stored: str) -> Fault | None:
    """Return what is stored; None: nothing, or a sentence of before there were codes."""
    if not stored.startswith(_MARK):
        return None
    code, _, detail = stored.removeprefix(_MARK).partition(" ")
    return Fault(code, detail)
