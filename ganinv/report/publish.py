"""Copy a report, a study or a report on small GANs to where published ones lie, with its figures.

    python -m ganinv.report.publish report | evidence | study | gan   what `make publish…` calls

Beside the pages go what they say in numbers (figures/), the summaries of runs, and the latents of
the experiments, from which `published` renders a sample again.
"""

import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ganinv.errors import ReportError
from ganinv.files import read_json, sha256_file, write_bytes, write_json
from ganinv.measures.reconstruction import METRICS
from ganinv.paths import project_root
from ganinv.report import ways
from ganinv.report.numbered import FIGURES
from ganinv.report.told import EVIDENCE, SUMMARIES
from ganinv.report.ways import join_reports
from ganinv.weights.manifest import load_manifest

LATENTS = "latents"  # the folder of the experiments' latents, and the file of their checksums
STARTS = "starts"  # the study that judges our encoder's codes
STUDIES = {f"runs/{name}": name for name in ways.STUDIES}  # published under the same names


def publish_report(report: Path, to: Path) -> None:
    """Copy the report on the experiments.

    The pages that `publish_evidence` brings are left as they are; where it has brought none yet,
    the report's own are copied, so that no link leads nowhere. Raises ReportError, before anything
    is copied, where `report` holds none, or not the latents of its results.
    """
    runs = report / "runs"
    _need(report / "index.html", "make report")
    latents = _find_latents(runs)
    _copy_pages(report, to, but={*EVIDENCE, *STUDIES.values()})
    _copy(report / "overview.jpg", to / "overview.jpg")
    _copy(runs / "comparison.json", to / "comparison.json")
    for name in SUMMARIES:
        _copy(runs / name / "summary.json", to / f"{name}.json")
    _copy(runs / "indomain" / "indomain" / "summary.json", to / "indomain.json")
    for name in EVIDENCE:
        if not (to / f"{name}.html").is_file() and (report / f"{name}.html").is_file():
            _copy_judged(report, to, name)
    _copy_latents(latents, to)
    join_reports(to)


def publish_evidence(report: Path, to: Path) -> None:
    """Copy the pages on refinements and edits, and what they found.

    Raises ReportError where `report` lacks one.
    """
    for name in EVIDENCE:
        _need(report / f"{name}.html", "make evidence")
    for name in EVIDENCE:
        _copy_judged(report, to, name)
    join_reports(to)


def publish_study(root: Path, to: Path) -> None:
    """Copy the studies that there are; others stay. That of starts is noted on encoders' cards.

    Raises ReportError where there is none.
    """
    there = [folder for folder in STUDIES if (root / folder / "study.json").is_file()]
    if not there:
        _need(root / "runs/study/study.json", "make study")
    for folder in there:
        name = STUDIES[folder]
        _copy(root / folder / "study.json", to / f"{name}.json")
        _copy(root / folder / "study.html", to / f"{name}.html")
        _copy(root / folder / FIGURES / "study.json", to / FIGURES / f"{name}.json")
        if name == STARTS:
            _note_on_cards(read_json(to / f"{name}.json"), root / "checkpoints")
    join_reports(to)


def _note_on_cards(study: Mapping[str, Any], checkpoints: Path) -> None:
    """Note on our encoders' cards what their codes are on photographs, beside the mean of W.

    Nothing is noted of a study that is not finished, or is of other recipes or weights.
    """
    pair = [x for x in study["comparisons"] if (x["a"], x["b"]) == ("encoder", "mean_w")]
    if study["missing"] or not pair:
        return
    made_with = study["recipes"]["encoder"].get("weights", {}).values()
    starts = {
        name: {
            metric: dict(
                mean=mean, low=recipe["interval"][metric][0], high=recipe["interval"][metric][1]
            )
            for metric, mean in recipe["mean"].items()
            if metric in METRICS
        }
        for name, recipe in study["recipes"].items()
    }
    about = {"count": len(study["photographs"]), "commit": study["commit"], "starts": starts}
    about["better_on"] = {one["metric"]: one["wins"] for one in pair}
    for entry in load_manifest().values():
        path = checkpoints / Path(entry.file).with_suffix(".json")
        if entry.kind == "encoder" and not entry.sources and path.is_file():
            card = read_json(path)
            if card.get("sha256") in made_with:
                write_json(path, card | {"portraits": about})


def publish_gan(report: Path, to: Path) -> None:
    """Copy the report on small GANs, and its trainings' results.

    Raises ReportError where `report` holds none.
    """
    _need(report / "index.html", "make gan")
    _copy_pages(report, to / "gan")
    for path in sorted(report.glob("*.json")):
        _copy(path, to / "gan" / path.name)
    for path in sorted((report / "runs/gan_objectives/results").glob("*.json")):
        _copy(path, to / "gan/results" / path.name)
    join_reports(to)


def _need(path: Path, command: str) -> None:
    if not path.is_file():
        raise ReportError(f"there is no {path} to publish: {command} makes it")


def _copy_pages(report: Path, to: Path, but: Collection[str] = ()) -> None:
    """Copy a report's pages, and remove those of an earlier one; `but` belong to other parts."""
    names = {page.name for folder in (report, to) for page in folder.glob("*.html")}
    for name in sorted(names):
        if Path(name).stem not in but:
            _copy_page(report / name, to)


def _copy_judged(report: Path, to: Path, name: str) -> None:
    """Copy a page and the summary by which it judges."""
    _copy_page(report / f"{name}.html", to)
    _copy(report / "runs" / name / "summary.json", to / f"{name}.json")


def _copy_page(page: Path, to: Path) -> None:
    _copy(page, to / page.name)
    numbers = f"{FIGURES}/{page.stem}.json"
    _copy(page.parent / numbers, to / numbers)


def _copy(path: Path, to: Path) -> None:
    """Copy a file; where there is none, an earlier one is removed, for it is of another report."""
    if path.is_file():
        write_bytes(to, path.read_bytes())
    else:
        to.unlink(missing_ok=True)


def _find_latents(runs: Path) -> dict[str, Path]:
    """Find the latent of each image in the experiments' summaries: {EXPERIMENT/ID: file}."""
    found = {}
    for name in SUMMARIES:
        summary = runs / name / "summary.json"
        if not summary.is_file():
            continue
        try:
            images = list(read_json(summary)["metrics"]["images"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise ReportError(f"{summary} is damaged ({error}): make report writes it") from None
        for image_id in images:
            found[f"{name}/{image_id}"] = runs / name / image_id / "latent.safetensors"
            _need(found[f"{name}/{image_id}"], "make report")
    return found


def _copy_latents(latents: Mapping[str, Path], to: Path) -> None:
    """Copy the experiments' latents, and write their checksums."""
    shutil.rmtree(to / LATENTS, ignore_errors=True)
    checksums = {}
    for place, path in latents.items():
        kept = to / LATENTS / f"{place}.safetensors"
        _copy(path, kept)
        checksums[place] = sha256_file(kept)
    write_json(to / FIGURES / f"{LATENTS}.json", checksums)


def main(arguments: list[str]) -> None:
    """Publish what the argument names, from the clone's folders into reports/published/."""
    root = project_root()
    to = root / "reports" / "published"
    kinds = {
        "report": lambda: publish_report(root / "reports", to),
        "evidence": lambda: publish_evidence(root / "reports" / "evidence", to),
        "study": lambda: publish_study(root, to),
        "gan": lambda: publish_gan(root / "reports" / "gan", to),
    }
    if not arguments or arguments[0] not in kinds:
        raise SystemExit(f"name what to publish: {', '.join(kinds)}")
    try:
        kinds[arguments[0]]()
    except ReportError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main(sys.argv[1:])
