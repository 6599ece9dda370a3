"""What to use, in a sentence for each purpose, from the published results or a report's own.

The function returns HTML that needs no other file, with every text in it escaped; where figures are
published, the text says which they are, and leads to the page that bears them.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganinv.analysis import advice
from ganinv.analysis.finished import Experiment, common_images
from ganinv.analysis.study import read_study
from ganinv.files import read_json
from ganinv.measures.identity import SAME_PERSON
from ganinv.measures.reconstruction import METRICS
from ganinv.report.experiments import PAGES
from ganinv.report.numbered import attributes
from ganinv.report.told import at, form_of, told
from ganinv.report.ways import STUDIES, way
from ganinv.runs.describe import describe_seconds

JUDGE, LIKENESS = METRICS[advice.JUDGE], METRICS[advice.LIKENESS]
TITLES = PAGES | STUDIES


@dataclass(frozen=True)
class Advice:
    """A sentence, for a purpose, and the name of the page that bears it, "" for the page itself."""

    purpose: str
    text: str
    page: str = ""


def show_advice(
    experiments: Sequence[Experiment],
    refined: Experiment | None = None,
    published: str | Path = "",
) -> str:
    """Show what to use for likeness, for a code and for edits; "" where nothing is known.

    `published` is the folder of the published results, "" for none: each purpose is advised by
    them, or by the report's own `experiments` and `refined` run. Raises ValueError for a damaged
    file there.
    """
    own = _own_beyond(refined), _own_code(experiments)
    found = [
        _advise(published, "study", read_study, _likeness),
        _advise(published, "beyond", read_json, _beyond) or own[0],
        _advise(published, "restarts", read_study, _code) or own[1],
        _advise(published, "editing", read_json, _edits),
    ]
    shown = "".join(_paragraph(one) for one in found if one)
    return f'<div class="advice"><p><strong>What to use.</strong></p>{shown}</div>' * bool(shown)


def _advise(
    published: str | Path,
    name: str,
    read: Callable[[Path], Any],
    advise: Callable[[Mapping[str, Any]], Advice | None],
) -> Advice | None:
    """Read a published file, where it is there, and advise by it."""
    path = Path(published) / f"{name}.json"
    if not published or not path.is_file():
        return None
    try:
        found = read(path)
        return advise(found) if found else None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({error}); remove it, or publish it anew") from None


def _paragraph(one: Advice) -> str:
    link = f" See {way(f'{one.page}.html', TITLES[one.page])}." if one.page else ""
    text = f"<span{attributes(one.text, html.escape)}>{html.escape(one.text)}</span>"
    return f"<p><strong>{html.escape(one.purpose)}:</strong> {text}{link}</p>"


@dataclass
class _Figures:
    """The figures of a study that a text shows, in the order in which it does."""

    file: str
    data: Mapping[str, Any]

    def __post_init__(self) -> None:
        self.shown: list[tuple[str, Any]] = []

    def take(self, form: str, *keys: Any) -> str:
        """Note a figure, and return its field."""
        value: Any = self.data
        for key in keys:
            value = value[key]
        self.shown.append((at(f"{self.file}.json", *keys), value))
        return form

    def better(self, a: str, b: str, metric: str) -> str:
        """Say on how many photographs a recipe is better than another, and the means of both."""
        place = advice.compared(self.data, a, b, metric)
        wins, count = (self.take("{}", "comparisons", place, key) for key in ("wins", "n"))
        own, other = (
            self.take(form_of(metric, unit=True), "recipes", name, "mean", metric)
            for name in (a, b)
        )
        label = "identity" if metric == advice.LIKENESS else METRICS[metric].label
        return f"{label} on {wins} of {count} ({own} against {other})"

    def title(self, recipe: str) -> str:
        """The title of a recipe, which may have commas."""
        return f"“{self.take('{text}', 'recipes', recipe, 'title')}”"

    def told(self, form: str) -> str:
        """Fill the form."""
        return told(form, *self.shown)


def _likeness(study: Mapping[str, Any]) -> Advice | None:
    """A refined recipe that is nearer in identity than a code, with what it takes."""
    pair = advice.nearest_refined(study)
    if pair is None:
        return None
    a, b = pair
    figures = _Figures("study", study)
    form = f"{figures.title(a)} is nearer to the photograph than {figures.title(b)}: in "
    form += f"{figures.better(a, b, advice.LIKENESS)}, which nothing minimizes"
    if advice.compared(study, a, b, advice.JUDGE) is not None:
        form += f", and in {figures.better(a, b, advice.JUDGE)}"
        if advice.JUDGE in ((study["recipes"][a]["params"] or {}).get("refine_loss") or ()):
            form += ", which it minimizes"
    seconds = [study["recipes"][name]["mean"].get("seconds") for name in pair]
    if all(seconds):
        places = (at("study.json", "recipes", name, "mean", "seconds") for name in pair)
        figures.shown.append((" / ".join(places), seconds[0] / seconds[1]))
        form += ", in {.2f} of the time"
    return Advice("For likeness", figures.told(f"{form}."), "study")


def _beyond(summary: Mapping[str, Any]) -> Advice | None:
    """What features beside a code bring, against that code, over the published photographs."""
    runs, name = summary["experiments"], f"Features {summary['params']['refine_resolution']}"
    code = runs.get("Code")
    if name not in runs or code is None or runs[name]["images"].keys() != code["images"].keys():
        return None
    figures = _Figures("beyond", summary)
    steps = figures.take("{}", "params", "refine_steps")
    side = figures.take("{}", "params", "refine_resolution")
    label = JUDGE.label
    before, after = (
        figures.take(form_of(advice.JUDGE), "experiments", key, "mean", advice.JUDGE)
        for key in ("Code", name)
    )
    if not JUDGE.better(runs[name]["mean"][advice.JUDGE], code["mean"][advice.JUDGE]):
        return None
    count = figures.take("{}", "experiments", "Code", "images")
    form = f"{steps} steps of a feature map at {side} pixels beside a code bring {label} from "
    form += f"{before}, the same code's own, to {after}, in the mean of {count} photographs."
    return Advice("What goes beyond a code", figures.told(form), "beyond")


def _own_beyond(refined: Experiment | None) -> Advice | None:
    """The same of the report's own refined run."""
    images = list(refined.images) if refined else []
    means = advice.code_means(refined, images) if refined and images else None
    if not refined or means is None or not means[1] < means[0]:
        return None
    before, after = map(JUDGE.show, means)
    on = f"the mean of {len(images)} photographs" if len(images) > 1 else refined.title(images[0])
    text = f"what is kept beside the code brings {JUDGE.label} from {before}, the same code's own, "
    return Advice("What goes beyond a code", f"{text}to {after}, on {on}.")


def _code(study: Mapping[str, Any]) -> Advice | None:
    """The loss for a code, from the study of restarts."""
    pair = advice.nearest_code(study)
    if pair is None:
        return None
    a, b = pair
    figures = _Figures("restarts", study)
    form = f"take {figures.title(a)} ({figures.take('{text}', 'recipes', a, 'what')}): better than "
    form += f"{figures.title(b)} alone in {figures.better(a, b, advice.JUDGE)}"
    if advice.compared(study, a, b, "psnr") is not None:
        form += f", and in {figures.better(a, b, 'psnr')}"
    return Advice("For a code", figures.told(f"{form}."), "restarts")


def _own_code(experiments: Sequence[Experiment]) -> Advice | None:
    """The best of the report's own experiments."""
    images = common_images(experiments)
    chosen = advice.choose(experiments, images)
    if chosen is None:
        return None
    own, seconds = (advice.mean_of(chosen, images, name) for name in (advice.JUDGE, "seconds"))
    taken = f"{JUDGE.show(own)} in {describe_seconds(seconds)} a photograph"
    others = [e for e in experiments if e.folder != chosen.folder]
    means = {e.folder: advice.mean_of(e, images, advice.JUDGE) for e in others}
    known = [e for e in others if means[e.folder] == means[e.folder]]  # NaN is not itself
    if not known:
        return Advice("For a code", f"{chosen.called} has a {JUDGE.label} of {taken}.")
    other = min(known, key=lambda e: means[e.folder])
    rank = "the lowest" if own < means[other.folder] else "as good as the lowest"
    longer = describe_seconds(advice.mean_of(other, images, "seconds"))
    text = f"of the experiments of this page {chosen.called}, whose {JUDGE.label} is {rank} "
    text += f"({taken}; {other.called}: {JUDGE.show(means[other.folder])} in {longer})."
    return Advice("For a code", text)


def _edits(summary: Mapping[str, Any]) -> Advice | None:
    """The code that edits most cleanly, and what it costs."""
    found = advice.cleanest_code(summary)
    if found is None:
        return None
    text = (
        f"the code of “{found.name}” edits most cleanly: what an edit is to change moves "
        f"{found.own:.1f} times as much as the rest, of “{found.other}” {found.theirs:.1f} times "
        f"({found.lead.show(1, signed=True)}; more on {found.wins} of {found.lead.count} "
        "photographs)"
    )
    if found.identity >= SAME_PERSON:
        shown = LIKENESS.show(found.identity)
        text += f"; but its face is another person's (mean identity {shown})"
    return Advice("For edits", f"{text}.", "editing")
