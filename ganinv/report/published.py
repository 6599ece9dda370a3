"""Check what is published: every number in pages and READMEs against the files beside them.

    python -m ganinv.report.published            what `make published-check` calls
    python -m ganinv.report.published figures    writes the files' figures into READMEs

Pages name the figures they show (see `told`), and all that they say in numbers lies beside them
(see `numbered`). Files name the commit and the numerics that made them. A sample of latents is
rendered again. Nothing is fetched; the exit status is 1 where something differs.
"""

import difflib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ganinv.errors import GaninvError
from ganinv.files import read_json
from ganinv.measures.reconstruction import METRICS
from ganinv.paths import project_root
from ganinv.report import again, publish
from ganinv.report.numbered import FIGURES, MADE, Numbered, figures_file, read_numbers
from ganinv.report.readmes import check_readmes, write_readmes
from ganinv.report.told import SUMMARIES, fill, own_file, reader
from ganinv.runs.records import Numbers

PUBLISHED = Path("reports", "published")
REPORT = "make report; make publish"
STUDY = "make study; make publish-study"
EVIDENCE = "make evidence; make publish-evidence"
GAN = "make gan; make publish-gan"
PARTS = {"report": REPORT, "evidence": EVIDENCE, "study": STUDY, "gan": GAN}
MAKERS = (MADE, "environment", "machine")  # where a file names what made it
# what reading a damaged file, or using what it holds, may raise
DAMAGED = (GaninvError, OSError, ValueError, LookupError, TypeError, AttributeError)


@dataclass
class Findings:
    """What a check found: lines of what agrees, and sentences on what does not."""

    lines: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, other: "Findings") -> None:
        """Add those of another check."""
        self.lines += other.lines
        self.faults += other.faults


def part_of(name: str) -> str:
    """The part that a page or file, as seen from the folder, belongs to."""
    if name.startswith("gan/"):
        return "gan"
    stem = Path(name).stem
    if stem in publish.EVIDENCE:
        return "evidence"
    return "study" if stem in publish.STUDIES.values() else "report"


def _in(folder: Path, pattern: str, part: str) -> list[str]:
    paths = [*folder.glob(pattern), *folder.glob(f"gan/{pattern}")]
    names = sorted(path.relative_to(folder).as_posix() for path in paths)
    return [name for name in names if part_of(name) == part]


def _damaged(name: str, error: Exception) -> str:
    return f"{name} is damaged ({type(error).__name__}: {error})"


def _missing_pages(folder: Path, part: str, pages: list[str]) -> list[str]:
    """Pages whose figures are kept, and that are gone; or the part, where it has no page."""
    if not pages:
        return [f"{part}: no page of it is published: {PARTS[part]}"]
    kept = [Path(name) for name in _in(folder, f"{FIGURES}/*.json", part)]
    named = [(path.parent.parent / f"{path.stem}.html").as_posix() for path in kept]
    gone = [name for name in named if name not in pages and Path(name).stem != again.LATENTS]
    return [f"{name}, whose figures are kept, is not there: {PARTS[part]}" for name in gone]


def check_pages(folder: Path, part: str) -> Findings:
    """Compare the pages of a part with the files beside them."""
    pages = _in(folder, "*.html", part)
    found = Findings(faults=_missing_pages(folder, part, pages))
    marked, texts, files = 0, 0, set()
    for page in pages:
        if not figures_file(folder / page).is_file():
            found.faults.append(f"{page}: made before pages kept their figures: publish again")
            continue
        numbered = read_numbers((folder / page).read_text(encoding="utf-8"))
        complaints = _changed_texts(folder / page, numbered)
        look_up = reader(folder, page)
        for mark in numbered.marks:
            complaints += _wrong_mark(mark, look_up)
            files |= {pointer.partition("#")[0] or own_file(page) for pointer in mark.sources}
        marked, texts = marked + len(numbered.marks), texts + len(numbered.texts)
        found.faults += [f"{page}: {text}: {PARTS[part]}" for text in complaints]
    found.lines.append(
        f"{marked} texts in {len(pages)} pages agree with the figures of {len(files)} files, and "
        f"{texts} texts with numbers are as they were written"
    )
    return found


def _wrong_mark(mark, look_up) -> list[str]:
    said = " ".join(mark.text.split())
    try:
        shown = " ".join(fill(mark.form, [look_up(pointer) for pointer in mark.sources]).split())
    except ValueError as error:
        return [f"“{said}”: {error}"]
    where = ", ".join(mark.sources)
    return [] if said == shown else [f"“{said}” is “{shown}” in {where}"]


def _changed_texts(page: Path, numbered: Numbered) -> list[str]:
    """How a page's texts differ from those that were written beside it."""
    complaints, file = [], f"{FIGURES}/{figures_file(page).name}"
    try:
        kept = [str(text) for text in read_json(figures_file(page))["texts"]]
    except DAMAGED as error:
        return [_damaged(file, error)]
    matcher = difflib.SequenceMatcher(None, kept, numbered.texts, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes() if kept != numbered.texts else ():
        if kind != "equal":
            was, now = (
                " | ".join(texts) or "nothing" for texts in (kept[a:b], numbered.texts[c:d])
            )
            complaints.append(f"says “{now}” where {file} has “{was}”")
    return complaints


def check_files(folder: Path, part: str) -> Findings:
    """Check that a part's files name what made them, and that their means are those of the rows."""
    found, names = Findings(), _in(folder, "*.json", part)
    for name in names:
        try:
            content = read_json(folder / name)
            makers = [content, *(content.get(key) or {} for key in MAKERS)]
            if not any(maker.get("commit") and maker.get("numerics") for maker in makers):
                found.faults.append(
                    f"{name} does not name commit and numerics: made before files did: publish "
                    f"again ({PARTS[part]})"
                )
            if Path(name).stem in SUMMARIES:
                found.faults += [f"{name}: {x}: {PARTS[part]}" for x in _wrong_means(content)]
        except DAMAGED as error:
            found.faults.append(f"{_damaged(name, error)}: {PARTS[part]}")
    found.lines.append(f"{len(names)} files name commit and numerics")
    return found


def _wrong_means(summary: dict[str, Any]) -> list[str]:
    """Means that are not those of the images, infinite and unmeasured ones aside, as in a run."""
    complaints, metrics = [], summary["metrics"]
    by_images = Numbers(metrics["images"].values()).over(np.mean)
    for name in (*METRICS, "seconds"):
        mean, said = by_images.get(name), metrics["mean"].get(name)
        if mean is None or said is None:
            same = mean is said
        else:
            same = abs(mean - said) <= 1e-9 * max(abs(mean), 1)
        if not same:
            complaints.append(f"the mean of {name} is {_brief(mean)} by its images, not {said}")
    return complaints


def _brief(number: float | None) -> str:
    return "none" if number is None else f"{number:.6g}"


def check_again(folder: Path) -> Findings:
    """Render a sample of the published latents again, and compute one short run."""
    found = Findings()
    if not (folder / FIGURES / f"{again.LATENTS}.json").is_file():
        found.faults.append(f"no latents lie there: made before they did: publish again ({REPORT})")
        return found
    try:
        found.faults += [f"{text}: {REPORT}" for text in again.check_latents(folder)]
        sample = list(again.render_sample(folder))
    except DAMAGED as error:
        found.faults.append(f"latents cannot be rendered again: {error}")
        return found
    if not sample:
        found.faults.append(f"no experiment's results are published: {REPORT}")
    found.faults += [f"{text}: {REPORT}" for one in sample for text in one.complaints()]
    worst = max((one.decibels for one in sample), default=0.0)
    found.lines.append(
        f"{len(sample)} latents rendered again ({'; '.join(one.place for one in sample)}): largest "
        f"difference {worst:.1g} dB"
    )
    return found


def check_short(folder: Path) -> Findings:
    """Compute the one short run again."""
    found = Findings()
    try:
        one = again.run_short(folder)
    except (*DAMAGED, StopIteration) as error:
        found.faults.append(f"the short run cannot be computed again: {error}: {STUDY}")
        return found
    if one is None:
        found.lines.append("the short run is left out: `ganinv data portraits` fetches its images")
        return found
    found.faults += [f"{text}: {STUDY}" for text in one.complaints()]
    found.lines.append(f"{one.place} computed again: difference {one.decibels:.1g} dB")
    return found


def check_root(root: Path) -> Findings:
    """Compare the READMEs of a clone with the published files."""
    count, readmes, faults = check_readmes(root, reader(root / PUBLISHED))
    return Findings([f"{count} figures in {readmes} READMEs agree with the files"], faults)


def check(root: Path, say: Callable[[str], None] = print) -> list[str]:
    """Check all that is published in a clone, saying what agrees; return what does not."""
    folder, found = root / PUBLISHED, Findings()
    for part in PARTS:
        for one in (check_pages(folder, part), check_files(folder, part)):
            found.add(Findings([f"{part}: {line}" for line in one.lines], one.faults))
    for one in (check_root(root), check_again(folder), check_short(folder)):
        found.add(one)
    for line in found.lines:
        say(line)
    return found.faults


def main(arguments: list[str]) -> None:
    """Check, or write the READMEs' figures, in the clone; exit 1 where something differs."""
    if arguments not in ([], ["figures"]):
        raise SystemExit("give nothing, to check what is published, or: figures")
    try:
        root = project_root()
        if arguments:
            changed = write_readmes(root, reader(root / PUBLISHED))
            print(f"figures written into {', '.join(changed) or 'no README: all are as they were'}")
            return
        faults = check(root)
    except (ValueError, GaninvError, OSError) as error:
        raise SystemExit(str(error)) from None
    for fault in faults:
        print(f"differs: {fault}")
    raise SystemExit(1 if faults else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
