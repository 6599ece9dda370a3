"""Figures in READMEs: sentences and rows of tables as forms, held to the JSON files.

reports/figures.yaml says for each README which `forms` it holds, by `figures` that fill them (see
`told`; files are seen from reports/published/), and in which `sections` every number must be in one
of them or be listed, with a reason, in `others`. A form with `each` stands for several: <NAME> in
it is replaced. Forms and others are found by their words, however the lines are broken; [...] in
others stands for what lies between. Numbers in commands, in code and of list items count for none.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganinv.core_yaml import read_yaml
from ganinv.files import write_text
from ganinv.report.told import FIELD, fill

LIST = "reports/figures.yaml"
WRITTEN_BY = "`make figures` writes it"
NUMBER = re.compile(r"(?<![\w#./-])[-+−]?\.?\d[\d.,]*\d|(?<![\w#./-])\d")
# what holds no results: fenced and other code, and the numbers of list items
CODE = re.compile(r"^```.*?^```|`[^`]*`|^\d+\. ", re.M | re.S)
FENCED = re.compile(r"^```.*?^```", re.M | re.S)
LookUp = Callable[[str], Any]


@dataclass(frozen=True)
class Form:
    """A sentence or row with fields, and the pointers that fill them."""

    text: str
    figures: tuple[str, ...]

    @property
    def pattern(self) -> re.Pattern[str]:
        """What finds it in a README, a group for each field."""
        parts = FIELD.split(self.text)  # texts and specifications in turn
        parts[::2] = map(_flexible, parts[::2])
        parts[1::2] = (r"([^|()]+?)" if x == "text" else r"([^\s|*]+)" for x in parts[1::2])
        return re.compile("".join(parts))

    @property
    def fields(self) -> list[str]:
        """The fields, as forms of their own."""
        return [f"{{{spec}}}" for spec in FIELD.findall(self.text)]

    def named(self) -> str:
        """Name it by its beginning."""
        return "“" + " ".join(FIELD.sub("…", self.text).split())[:60] + "”"


def _flexible(text: str) -> str:
    """A pattern of a text whose spaces may be the ends of lines."""
    return r"\s+".join(map(re.escape, re.split(r"\s+", text)))


def read_list(root: Path) -> dict[str, dict[str, Any]]:
    """Read reports/figures.yaml: {README: {sections, forms, others}}."""
    return read_yaml(root / LIST)


def forms_of(entries: Mapping[str, Any]) -> Iterator[Form]:
    """List a README's forms, each with its own names put in."""
    for entry in entries.get("forms", ()):
        for names in entry.get("each", [{}]):

            def put(text: str, names: Mapping[str, Any] = names) -> str:
                for name, value in names.items():
                    text = text.replace(f"<{name}>", str(value))
                return text

            yield Form(put(entry["form"]), tuple(put(text) for text in entry["figures"]))


def _read(root: Path, name: str) -> str:
    """The text of a README. Raises ValueError where it cannot be read."""
    try:
        return (root / name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ValueError(f"{name}, which {LIST} names, cannot be read: {error}") from None


def _find(form: Form, text: str) -> re.Match[str]:
    """Find a form in a README. Raises ValueError where it is not there once, or not whole."""
    if len(form.fields) != len(form.figures):
        raise ValueError(
            f"{form.named()} has {len(form.fields)} fields, and {len(form.figures)} figures in "
            f"{LIST}"
        )
    found = list(form.pattern.finditer(text))
    if len(found) != 1:
        times = f"{len(found)} times" if found else "not at all"
        raise ValueError(f"{form.named()} is there {times}; {LIST} wants it once")
    return found[0]


def check_readmes(root: Path, look_up: LookUp) -> tuple[int, int, list[str]]:
    """Compare READMEs with the files: (figures that agree, READMEs, what differs, as sentences)."""
    count, faults, readmes = 0, [], read_list(root)
    for name, entries in readmes.items():
        try:
            text = _read(root, name)
        except ValueError as error:
            faults.append(str(error))
            continue
        covered: list[tuple[int, int]] = []
        for form in forms_of(entries):
            agreeing, complaints, place = _check_form(form, text, look_up)
            count += agreeing
            covered += [place] if place else []
            faults += [f"{name}: {complaint}" for complaint in complaints]
        covered += [found.span() for found in CODE.finditer(text)]
        for words, reason in (entries.get("others") or {}).items():
            between = ".*?".join(map(_flexible, words.split("[...]")))
            places = [found.span() for found in re.finditer(between, text, re.S)]
            covered += places
            if not places or not reason:
                faults.append(f"{name} no longer says “{words}”: take it out of {LIST}")
        faults += [f"{name}: {x}" for x in _uncovered(text, entries["sections"], covered)]
    return count, len(readmes), faults


def _check_form(form, text, look_up):
    """(number of figures that agree, what differs, where the form was found or None)."""
    try:
        found = _find(form, text)
    except ValueError as error:
        return 0, [str(error)], None
    complaints = []
    for said, field, pointer in zip(found.groups(), form.fields, form.figures, strict=True):
        try:
            shown = fill(field, [look_up(pointer)])
        except ValueError as error:
            complaints.append(f"{form.named()}: {error}")
            continue
        if shown != said:
            complaints.append(
                f"{form.named()} says {said} where {pointer} is {shown}: {WRITTEN_BY}"
            )
    return len(form.figures) - len(complaints), complaints, found.span()


def _uncovered(text, sections, covered):
    """Complain of numbers in sections that no form holds and no list explains."""
    for title in sections:
        start, end = _section(text, title)
        if start < 0:
            yield f"has no section “{title}”, which {LIST} names"
            continue
        for number in NUMBER.finditer(text, start, end):
            if not any(a <= number.start() and number.end() <= b for a, b in covered):
                around = " ".join(text[max(number.start() - 30, 0) : number.end() + 20].split())
                yield f"{number[0]} in “…{around}…” is no figure that {LIST} knows"


def _section(text: str, title: str) -> tuple[int, int]:
    """Where the text of a section lies, sections in it included; (-1, -1) without it."""
    # a comment in a command is no heading
    text = FENCED.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    heading = re.search(rf"^(#+) {re.escape(title)}$", text, re.M)
    if not heading:
        return -1, -1
    after = re.compile(rf"^#{{1,{len(heading[1])}}} ", re.M).search(text, heading.end())
    return heading.end(), after.start() if after else len(text)


def write_readmes(root: Path, look_up: LookUp) -> list[str]:
    """Write the files' figures into the READMEs, in place; return the names of those changed.

    Raises ValueError where a form is not found once, or its figures are not there.
    """
    changed = []
    for name, entries in read_list(root).items():
        before = text = _read(root, name)
        for form in forms_of(entries):
            try:
                found = _find(form, text)
                groups = zip(form.fields, form.figures, strict=True)
                shown = [fill(field, [look_up(pointer)]) for field, pointer in groups]
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
            for number in reversed(range(len(shown))):
                start, end = found.span(number + 1)
                text = text[:start] + shown[number] + text[end:]
        if text != before:
            write_text(root / name, text)
            changed.append(name)
    return changed
