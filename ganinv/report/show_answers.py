"""What the page of a study answers, as cards at its top: each pair of recipes, and restarts."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from ganinv.analysis.answers import (
    BETTER,
    CHANCE,
    OPEN,
    WORSE,
    Answer,
    Compared,
    Farthest,
    answers,
    farthest,
    restarts_differ,
)
from ganinv.analysis.verdicts import joined
from ganinv.measures.reconstruction import METRICS
from ganinv.report import html
from ganinv.report.show_study import file_of, p_form, title_of
from ganinv.report.told import Told, at, told
from ganinv.runs.records import is_measured

Study = Mapping[str, Any]
FIRST = 4  # pairs that are told at the top
CSS = {BETTER: "confirmed", WORSE: "refuted"}  # cards of else are as those of what is open
JUDGE = "lpips_alex"  # by which restarts are told apart: the measure that no experiment minimizes
Figures = list[tuple[str, Any]]


def first_answers(study: Study) -> str:
    """Show what the study says of its first pairs, and of restarts, as cards; "" of neither."""
    found = answers(study)
    shown = cards([restarts_card(study), *(pair_card(study, one) for one in found[:FIRST])])
    more = len(found) - FIRST
    if more > 0:
        pairs = "One more pair is" if more == 1 else f"{more} more pairs are"
        shown += f"<p>{pairs} answered below, under Two by two.</p>"
    return shown


def other_answers(study: Study) -> str:
    """Show the same of the pairs that are not among the first; "" where there are no more."""
    return cards(pair_card(study, one) for one in answers(study)[FIRST:])


def cards(shown: Iterable[str]) -> str:
    """Lay cards in a row; "" without any."""
    there = "".join(shown)
    return there and html.cards([there])


def _card(word: str, css: str, texts: Iterable[str]) -> str:
    named = word[:1].upper() + word[1:]
    parts = [f"<strong>{escape(named)}</strong>"]
    return html.card(css, [*parts, *(html.paragraph(text) for text in texts if text)])


def pair_card(study: Study, answer: Answer) -> str:
    """Say of a pair by which measures the first is better, worse, or neither, in numbers."""
    a, b = (title_of(study, name) for name in (answer.a, answer.b))
    parts: list[str] = [told("“{text}” against “{text}”.", a, b)]
    for sign, how in ((1, "Better in"), (-1, "Worse in"), (0, "Not decided in")):
        measures = [one for one in answer.measures if one.sign == sign and not one.is_disputed]
        parts.append(_list(study, how, measures))
    parts += [_dispute(study, answer, one) for one in answer.measures if one.is_disputed]
    for name, metrics in answer.flattered.items():
        labels = joined([METRICS[m].label for m in metrics])
        are = "are measures" if len(metrics) > 1 else "is a measure"
        of = "them" if len(metrics) > 1 else "it"
        form = f"{labels} {are} that {{text}} alone minimizes, which flatters it: the verdict is"
        parts.append(told(f"{form} without {of}.", title_of(study, name)))
    return _card(answer.word, CSS.get(answer.word, "not-decided"), parts)


def _list(study: Study, how: str, measures: Sequence[Compared]) -> str:
    """Name measures that came out alike, each with its numbers; "" for none."""
    if not measures:
        return ""
    forms, figures = zip(*(_numbers(study, one) for one in measures), strict=True)
    return told(f"{how} {'; '.join(forms)}.", *(x for each in figures for x in each))


def _numbers(study: Study, compared: Compared) -> tuple[str, Figures]:
    """The form of a measure's difference, its interval and its photographs, and what fills it."""
    one, metric = compared.one, METRICS[compared.metric]
    here = at(file_of(study), "comparisons", compared.place)
    form, unit = f"{{+.{metric.digits}f}}", f" {metric.unit}" if metric.unit else ""
    keys = ["difference"]
    shown = f"{metric.label} ({form}{unit}"
    if one["low"] is not None and one["high"] is not None:
        keys += ["low", "high"]
        shown += f", {form} to {form}"
    keys += ["wins", "n"]
    return f"{shown}; better on {{}} of {{}})", [(f"{here}/{key}", one[key]) for key in keys]


def _dispute(study: Study, answer: Answer, compared: Compared) -> Told:
    """Say that an interval holds 0 while a test would not, and which photograph lies farthest."""
    form, figures = _numbers(study, compared)
    here = at(file_of(study), "comparisons", compared.place)
    for key, name in (("sign_p", "the sign test"), ("p", "Wilcoxon's test")):
        p = compared.one.get(key)
        if p is not None and p < CHANCE:
            spec, value = p_form(f"{here}/{key}", p)
            form += f", p = {spec} by {name}" if value else f", p {spec} by {name}"
            figures += value
    form = f"Not decided by its interval, which holds 0, though by a test: {form}."
    far = farthest(study, answer.a, answer.b, compared.metric)
    if far is None:
        return told(form, *figures)
    spec = f"{{+.{METRICS[compared.metric].digits}f}}"
    form += f" Photograph {{text}} lies farthest from the others, at {spec}"
    form += "; without it the interval would not hold 0." if far.alone else "."
    place = study["photographs"].index(far.photograph)
    figures.append((at(file_of(study), "photographs", place), far.photograph))
    of_a, of_b = (_rows(study, name, compared.metric, far) for name in (answer.a, answer.b))
    return told(form, *figures, (f"{of_a} - {of_b}", far.value))


def _rows(study: Study, recipe: str, metric: str, far: Farthest) -> str:
    """The pointer to a photograph's mean over the restarts of a recipe."""
    places = [
        place
        for place, row in enumerate(study["runs"])
        if (row["recipe"], row["photograph"]) == (recipe, far.photograph)
        and is_measured(row.get(metric))
    ]
    return " & ".join(at(file_of(study), "runs", place, metric) for place in places)


def restarts_card(study: Study) -> str:
    """Say how far apart restarts end under each recipe, and whether pairs differ in that.

    "" where no photograph has two.
    """
    spreads = {
        name: recipe["spread"].get(JUDGE, {}).get("restarts")
        for name, recipe in study["recipes"].items()
    }
    there = {name: value for name, value in spreads.items() if value is not None}
    if not there:
        return ""
    metric = METRICS[JUDGE]
    form = "; ".join(f"{{.{metric.digits}f}} under {{text}}" for _ in there)
    figures: Figures = []
    for name, value in there.items():
        spread = at(file_of(study), "recipes", name, "spread", JUDGE, "restarts")
        figures += [(spread, value), title_of(study, name)]
    what = f"In {metric.label} restarts of one photograph lie apart (standard deviation) by"
    tested, words = _tested(study, there)
    texts = [told(f"{what} {form}.", *figures), *tested]
    return _card(f"restarts: {words}", "not-decided" if words == OPEN else "confirmed", texts)


def _tested(study: Study, there: Mapping[str, float]) -> tuple[list[str], str]:
    """A sentence of each pair whose restarts can be compared, and what came of all."""
    texts: list[str] = []
    closer = 0
    for one in answers(study):
        if not {one.a, one.b} <= there.keys():
            continue
        p = restarts_differ(study, one.a, one.b, JUDGE)
        if math.isnan(p):
            continue
        near, far = sorted((one.a, one.b), key=lambda name: there[name])
        is_closer = p < CHANCE
        closer += is_closer
        shown = "< 0.001" if p < 0.001 else f"= {p:.3f}" if p < 0.1 else f"= {p:.2f}"
        how = "lie" if is_closer else "are not shown to lie"
        form = f"Under {{text}} they {how} closer than under {{text}}: p {shown}, F test of the "
        form += "variances."
        texts.append(told(form, title_of(study, near), title_of(study, far)))
    if not texts:
        return [], "how far apart they end"
    return texts, f"{closer} of {len(texts)} pairs told apart" if closer else OPEN
