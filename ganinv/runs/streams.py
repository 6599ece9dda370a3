"""JSON files of many images, read one entry after another: a file of any size takes little memory.

`metrics.json` of a hundred thousand photographs has 100 MB; as dicts it would take ten times that.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

CHUNK = 1 << 16  # characters that are read at once; more for a value that is longer
LARGEST = 1 << 24  # characters that are looked at for the end of a value; entries have thousands
BLANK = " \t\n\r"


def each_item(path: str | Path) -> Iterator[tuple[str, str | None, Any]]:
    """Read a JSON object of objects: yield (name, key, value) for each value of each of them.

    A value at the top that is no object, or an empty one, has no key, None. Raises OSError, and
    ValueError for a file that is no JSON object.
    """
    with open(path, encoding="utf-8") as file:
        text = _Text(file)
        for name in text.members():
            if text.peek() != "{":
                yield name, None, text.value()
                continue
            empty = True
            for key in text.members():
                empty = False
                yield name, key, text.value()
            if empty:
                yield name, None, {}
        if text.peek():
            raise ValueError("something follows the end of the JSON object")


class _Text:
    """A file's text, of which only what is being read is kept."""

    def __init__(self, file: TextIO):
        self.file, self.text, self.at = file, "", 0

    def peek(self) -> str:
        """The next character that is not blank, "" at the end."""
        while True:
            while self.at < len(self.text):
                if self.text[self.at] not in BLANK:
                    return self.text[self.at]
                self.at += 1
            if not self._read_on():
                return ""

    def members(self) -> Iterator[str]:
        """Yield the keys of an object; whoever takes one reads its value before the next."""
        self._take("{")
        if self.peek() == "}":
            self.at += 1
            return
        while True:
            key = self.value()
            if not isinstance(key, str):
                raise ValueError("a key is no text")
            self._take(":")
            yield key
            if self.peek() == "}":
                self.at += 1
                return
            self._take(",")

    def value(self) -> Any:
        """Read the next value."""
        self.peek()
        while True:
            try:
                found, end = _DECODER.raw_decode(self.text, self.at)
            except RecursionError:
                raise ValueError("it is nested too deeply") from None
            except ValueError:
                if len(self.text) - self.at > LARGEST or not self._read_on():
                    raise
                continue
            if end == len(self.text) and self._read_on():  # a number may go on there
                continue
            self.at = end
            return found

    def _take(self, sign: str) -> None:
        if self.peek() != sign:
            raise ValueError(f"{sign} was expected")
        self.at += 1

    def _read_on(self) -> bool:
        """Read more of the file, as much again as is waiting; False at its end."""
        more = self.file.read(max(CHUNK, len(self.text) - self.at))
        self.text, self.at = self.text[self.at :] + more, 0
        return bool(more)


_DECODER = json.JSONDecoder()
