"""Every error a user may see, one family: a message says what is wrong and what to do.

Each also is the built-in error that its kind is usually told by, so that `except ValueError` works.
"""

import re

# C0 and C1 controls, DEL, line separators, marks and overrides of direction, surrogates
_UNPRINTABLE = re.compile(
    "[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: object) -> str:
    """Write something, such as a file's name, so that it cannot act on a terminal.

    Control characters, direction marks and surrogates become visible escapes: `\\x1b`, `\\u202e`.
    """
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], str(text))


def shorten(text: str, most: int = 100) -> str:
    """Cut off a text of more than `most` characters, which a message is to repeat, printable."""
    text = printable(text)  # pydantic takes no message with a surrogate in it
    return text if len(text) <= most else text[:most] + "…"


class GaninvError(Exception):
    """The root of the family."""


class ParamsError(GaninvError, ValueError):
    """A parameter that cannot be used; the message says which and what would be right."""


class WeightsError(GaninvError, RuntimeError):
    """Weights that cannot be had or cannot be trusted; the message says what to do."""


class UnknownNameError(WeightsError, ParamsError):
    """A name that is not in a list; the message gives the nearest that are."""


class ImageError(GaninvError, ValueError):
    """A file that cannot be used as a photograph; the message says why."""


class NoFaceError(ImageError):
    """No face was found in a photograph that was to be aligned."""


class ReportError(GaninvError, RuntimeError):
    """A notebook failed; the message names it, its error and where to look."""


class BadArgumentsError(GaninvError, ValueError):
    """Arguments that cannot be used."""


class WriteError(GaninvError, OSError):
    """A file that could not be written, for lack of space or of leave; the message names it."""

    def __init__(self, path: object, reason: OSError) -> None:
        super().__init__(reason.errno, reason.strerror or str(reason))
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} cannot be written: {self.args[1]}"


class InUseError(GaninvError, RuntimeError):
    """A folder that another process is writing to."""


class LostProcessError(GaninvError, RuntimeError):
    """Processes that worked together, of which one has ended."""


class EngineError(GaninvError, RuntimeError):
    """An engine that is not installed, cannot be reached, or broke down; the message says what."""
