"""What a page says in numbers: its texts with digits, and those that name their figures.

Beside each page lies figures/PAGE.json, written with it: every text of the page that holds a digit,
in order, and which code made them. So a page that was changed by hand differs from its file, also
where no JSON holds the number itself.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from ganinv.files import write_json
from ganinv.numerics import NUMERICS
from ganinv.report.told import Told
from ganinv.runs.environment import commit, describe_machine

FIGURES = "figures"  # the folder beside the pages
MADE = "made"  # where a file of figures holds what `made_by` tells
SKIPPED = ("script", "style")
# classes of what is no text of the page: a cell's code, folded away, and the ways to other pages
BESIDE = ("highlight", "pages", "ways")
READ_ALOUD = ("alt", "aria-label", "title")  # attributes that say something
VOID = ("img", "br", "hr", "input", "meta", "link", "source", "wbr", "col")


@dataclass
class Mark:
    """An element that names its figures: the form, the pointers, and the text that it shows."""

    form: str
    sources: tuple[str, ...]
    text: str = ""


@dataclass
class Numbered(HTMLParser):
    """Collects a page's `texts` with digits and its `marks`."""

    texts: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[tuple[str, bool, Mark | None]] = []  # tag, whether it is skipped, mark

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element says of itself, and whether it names figures."""
        given = {name: value or "" for name, value in attrs}
        hidden = (
            self._hidden or tag in SKIPPED or bool({*given.get("class", "").split()} & {*BESIDE})
        )
        mark = None
        if "data-from" in given:
            mark = Mark(given.get("data-as", ""), tuple(given["data-from"].split(" ; ")))
            self.marks.append(mark)
        if not hidden:
            for name in READ_ALOUD:
                self._note(given.get(name, ""))
        if tag not in VOID:
            self._open.append((tag, hidden, mark))

    def handle_endtag(self, tag: str) -> None:
        """Close an element, and those in it that were left open."""
        places = [k for k, (name, _, _) in enumerate(self._open) if name == tag]
        if places:
            del self._open[places[-1] :]

    def handle_data(self, data: str) -> None:
        """Take a text, for every mark that it lies in too."""
        for _, _, mark in self._open:
            if mark is not None:
                mark.text += data
        if not self._hidden:
            self._note(data)

    @property
    def _hidden(self):
        return bool(self._open) and self._open[-1][1]

    def _note(self, text):
        words = " ".join(text.split())
        if re.search(r"\d", words):
            self.texts.append(words)


def read_numbers(page: str) -> Numbered:
    """Read what a page (its HTML) says in numbers."""
    found = Numbered()
    found.feed(page)
    found.close()
    return found


def attributes(text: object, escape: Callable[[str], str]) -> str:
    """Write what an element says of the figures in it, "" for a text that names none."""
    if not isinstance(text, Told) or not text.sources:
        return ""
    return f' data-from="{escape(" ; ".join(text.sources))}" data-as="{escape(text.form)}"'


def figures_file(page: Path) -> Path:
    """The file of a page's numbers."""
    return page.parent / FIGURES / f"{page.stem}.json"


def write_numbers(page: Path) -> None:
    """Write the numbers of a page beside it, and which code made it. Raises WriteError."""
    texts = read_numbers(page.read_text(encoding="utf-8")).texts
    write_json(figures_file(page), {MADE: made_by(), "texts": texts})


def made_by() -> Mapping[str, Any]:
    """Tell which code made a file, and with what: commit, numerics, versions, day."""
    machine = describe_machine("cpu")
    return {
        "commit": commit(),
        "numerics": NUMERICS,
        "python": machine["python"],
        "torch": machine["torch"],
        "threads": machine["threads"],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
