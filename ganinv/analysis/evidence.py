"""Published photographs, which judge where a report shows few.

The pages on refinements and on edits take hours over as many photographs as a verdict needs. They
are made once over those, and their summaries are published. A report under the same settings shows
photographs of its own, and the published ones judge.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ganinv.analysis.beyond import Edits
from ganinv.analysis.edited import Study
from ganinv.analysis.edited_verdicts import Found
from ganinv.analysis.finished import Experiment, common_images, count_threads
from ganinv.analysis.verdicts import Verdict
from ganinv.files import read_json
from ganinv.numerics import NUMERICS
from ganinv.runs.params import Params

# which photographs, where and on what machine: what else differs makes another study
BESIDE = {
    *("images", "out", "keep", "log_every", "snapshot_every"),
    *("device", "precision", "compile"),
}
WEIGHTS = ("generator", "encoder")  # known by their names, not by where they lie


@dataclass(frozen=True)
class Evidence:
    """Runs over published photographs: `experiments` hold their entries, not files.

    `source` is the name of the file, `summary` what it holds.
    """

    source: str
    summary: Mapping[str, Any]
    experiments: list[Experiment]

    @property
    def images(self) -> list[str]:
        """The ids of the photographs that every run finished, sorted."""
        return sorted(common_images(self.experiments))

    @property
    def machine(self) -> str:
        """What the seconds were taken on, as far as the summary tells."""
        about = self.summary.get("made", {})
        runs = self.summary.get("experiments", {}).values()
        run: Mapping[str, Any] = next((x["environment"] for x in runs if x.get("environment")), {})
        device = run.get("device_name") or about.get("device") or "an unknown machine"
        threads = run.get("threads") or about.get("threads")
        return f"by the clock of {device}" + (f", {count_threads(threads)}" if threads else "")

    def describe(self) -> str:
        """Say in a sentence which photographs judge."""
        names = ", ".join(self.images)
        return f"Judged on the {len(self.images)} photographs published in {self.source}: {names}."

    def sign(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """Let verdicts over these photographs say whose they are."""
        opening = f"Judged on the {len(self.images)} photographs published in {self.source}. "
        return [replace(v, detail=opening + v.detail) for v in verdicts]


def find_evidence(
    path: str | Path,
    experiments: Sequence[Experiment],
    params: Params,
    settings: Mapping[str, Any],
) -> tuple[Evidence | None, str]:
    """Return (the published photographs of the same study, or None; why they do not judge, or "").

    `path` is a summary as `write_summary` of the study wrote it, "" for none. `params` and
    `settings` are those of the study at hand, as they are given there, `experiments` its runs.
    Raises ValueError for a file that is no such summary.
    """
    if not str(path) or not Path(path).is_file():
        return None, ""
    source = Path(path).name
    try:
        summary = read_json(Path(path))
        names = differing(summary, experiments, params, settings)
        if names:
            why = f"The published {source} differs in {', '.join(names)}, and judges nothing."
            return None, why
        found = Evidence(source, summary, [_published(summary, e) for e in experiments])
        _check_rows(summary)
        # one photograph is a report's own page, published until more were made
        return (found, "") if len(found.images) > 1 else (None, "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is no summary of this study, or a damaged one ({error}); remove it, or make "
            "it anew by `make evidence` and `make publish-evidence`"
        ) from None


def differing(
    summary: Mapping[str, Any],
    experiments: Sequence[Experiment],
    params: Params,
    settings: Mapping[str, Any],
) -> list[str]:
    """List in what a summary's study differs from that at hand; [] in nothing.

    `auto` is the same as what it became. What a summary does not tell is different.
    """
    here = _comparable(params.model_dump(mode="json"))
    there = _comparable(summary["params"])
    names = sorted(
        name
        for name in here.keys() | there.keys()
        if here.get(name) != there.get(name) and "auto" not in (here.get(name), there.get(name))
    )
    told = {"numerics": NUMERICS, **settings}
    names += [name for name, value in told.items() if summary.get(name) != value]
    same_kinds = list(summary["experiments"]) == [e.name for e in experiments]
    return names + ([] if same_kinds else ["its kinds of results"])


def _comparable(values: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in values.items() if name not in BESIDE}
    return kept | {name: kept[name] and Path(kept[name]).stem for name in WEIGHTS}


def _published(summary: Mapping[str, Any], experiment: Experiment) -> Experiment:
    """The run with the entries of the published photographs in place of its own."""
    run = summary["experiments"][experiment.name]
    seconds = run.get("seconds", {})
    images = {
        i: entry | ({"seconds": seconds[i]} if i in seconds else {})
        for i, entry in run["images"].items()
    }
    metrics = {"images": images, "mean": {}, "std": {}, "failed": run["failed"]}
    return replace(experiment, metrics=metrics)


def _check_rows(summary: Mapping[str, Any]) -> None:
    """Raise KeyError or TypeError unless each row of edits and places names its photograph."""
    for row in [*summary["edits"], *summary.get("places", ())]:
        if not isinstance(row["image"], str):
            raise TypeError("a row names no photograph")


def published_edits(evidence: Evidence) -> Edits:
    """Return the edits of published refinements, without pictures."""
    there = set(evidence.images)
    rows = [_with_nan(row) for row in evidence.summary["edits"] if row["image"] in there]
    return Edits(rows, {})


def published_study(evidence: Evidence, own: Found) -> Found:
    """Return published codes and their edits as they are judged, without pictures.

    `own` are the same kinds of codes of other photographs, edited along the same directions.
    """
    images = evidence.images
    study = Study(
        images,
        own.study.variants,
        own.study.directions,
        own.study.strengths,
        [_with_nan(row) for row in evidence.summary["edits"] if row["image"] in images],
        [_with_nan(row) for row in evidence.summary["places"] if row["image"] in images],
    )
    return replace(own, experiments=evidence.experiments, study=study, machine=evidence.machine)


def _with_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it was before JSON, which has null for what could not be measured."""
    return {name: math.nan if value is None else value for name, value in row.items()}
