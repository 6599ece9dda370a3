"""The first screen of the report: one face, what each step of the way gives, and the words for it.

Every function returns HTML that needs no other file, with every text in it escaped.
"""

import html
from collections.abc import Sequence

from ganinv import figures
from ganinv.analysis.finished import Experiment, common_images, value
from ganinv.measures.identity import SAME_PERSON
from ganinv.measures.reconstruction import METRICS
from ganinv.report.html import words
from ganinv.report.numbered import attributes
from ganinv.report.told import SUMMARIES, at, form_of, told
from ganinv.runs.params import Params

SIDE = 360  # pixels of a picture; a screen of twice the density shows it sharp
JUDGED = {"l2": "pixels", "lpips": "perceptual"}
WORDS = {
    "W": "The space in which one vector w steers all layers of the generator: few faces, all of "
    "them natural.",
    "W+": "The space with a vector of its own for each layer: it reproduces more, and leaves what "
    "the generator was trained on.",
    "PSNR": "How near the pixels are, in decibels: higher is nearer, and a blurred picture scores "
    "well.",
    "SSIM": "How alike small windows are in brightness, contrast and structure: 1 for equal "
    "pictures.",
    "LPIPS": "How far apart two pictures are in the features of a network (AlexNet or VGG16), much "
    "as eyes judge: 0 for equal pictures.",
    "Identity": "How far apart a face recognizer sees the two faces: below "
    f"{SAME_PERSON} they pass for one person. No search minimizes it.",
}


def step_name(params: Params) -> str:
    """Name a step of the way: "W+, perceptual"; a start other than the mean is the name."""
    if params.refine != "none":
        return "beyond the code"
    if params.init == "encoder":
        return "from an encoder"
    judged = JUDGED.get(params.loss, "a sum of losses") if isinstance(params.loss, str) else "mixed"
    return f"{params.space.upper()}, {judged}"


def _what(params: Params) -> str:
    if params.refine != "none":
        return "A code, and beside it what no code can hold"
    if params.init == "encoder":
        return f"A network's first guess, and {params.steps} steps from it"
    vectors = "One vector for all layers" if params.space == "w" else "A vector for each layer"
    judged = {"l2": "judged by pixels", "lpips": "judged by a network's features"}
    return f"{vectors}, {judged.get(str(params.loss), 'judged by several losses')}"


def sentence(experiment: Experiment, image_id: str) -> str:
    """Say what a step does and what came of it on a photograph, in figures where published."""
    run, found = experiment.folder.name, []
    for name, label in (("lpips_alex", METRICS["lpips_alex"].label), ("identity", "identity")):
        number = value(experiment, image_id, name)
        if number is not None:
            here = at(f"{run}.json", "metrics", "images", image_id, name)
            found.append((f"{label} {form_of(name)}", (here, number)))
    form = f"{_what(experiment.params)}{': ' if found else ''}" + ", ".join(x for x, _ in found)
    number = value(experiment, image_id, "identity")
    form += ", another person" if number is not None and number >= SAME_PERSON else ""
    text = told(f"{form}.", *(source for _, source in found))
    return text if run in SUMMARIES else str(text)


def who_is_seen(experiments: Sequence[Experiment]) -> str:
    """Say which results a face recognizer takes for other persons; "" without faces."""
    measured = failed = 0
    steps = []
    for experiment in experiments:
        found = {i: value(experiment, i, "identity") for i in common_images(experiments)}
        there = {i: x for i, x in found.items() if x is not None}
        lost = {i: x for i, x in there.items() if x >= SAME_PERSON}
        measured, failed = measured + len(there), failed + len(lost)
        if lost:
            show = METRICS["identity"].show
            named = ", ".join(f"{experiment.title(i)} ({show(x)})" for i, x in lost.items())
            steps.append(f"“{step_name(experiment.params)}” on {named}")
    if not measured:
        return ""
    opening = f"Below an identity of {SAME_PERSON} two faces pass for one person"
    if not steps:
        return f"{opening}, as do all {measured} results of this page whose face was measured."
    others = measured - failed
    rest = f"; the other {others} results pass" if others else ""
    return f"{opening}. Another person is seen after {'; '.join(steps)}{rest}."


def story(
    experiments: Sequence[Experiment], image_id: str, beyond: Experiment | None = None
) -> str:
    """Show a photograph and what each step of the way makes of it, a sentence under each.

    `beyond`, a refined run, comes last where it has the photograph.
    """
    steps = [*experiments, *([beyond] if beyond and image_id in beyond.images else [])]
    title = experiments[0].images[image_id]["title"]
    shown = [
        _step(
            experiments[0].picture(image_id, "target"),
            title,
            "the photograph",
            f"{title}, cut out as the generator's faces are: what every step is to reproduce.",
        )
    ]
    for experiment in steps:
        picture = experiment.picture(image_id, "reconstruction")
        name = step_name(experiment.params)
        shown.append(_step(picture, title, name, sentence(experiment, image_id)))
    style = (
        "display: grid; gap: 0.8rem; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr))"
    )
    return f'<div class="story" style="{style}">{"".join(shown)}</div>{_remarks(experiments)}'


def _remarks(experiments):
    """What the pictures do not show: who is seen on the other photographs, and the steps."""
    counts = [f"{e.params.steps} for “{step_name(e.params)}”" for e in experiments]
    steps = ""
    if len({e.params.steps for e in experiments}) > 1:
        steps = f"The number of steps changes as well: {', '.join(counts)}."
    texts = [text for text in (who_is_seen(experiments), steps) if text]
    return "".join(f"<p>{html.escape(text)}</p>" for text in texts)


def _step(picture, title, name, text):
    uri = figures.data_uri(figures.shrink(picture, SIDE))
    return (
        f'<figure style="margin: 0"><img src="{uri}" alt="{html.escape(f"{title}, {name}")}" '
        f'style="max-width: 100%"><figcaption><strong>{html.escape(name)}</strong> '
        f"<span{attributes(text, html.escape)}>{html.escape(text)}</span></figcaption></figure>"
    )


def explain_words() -> str:
    """Explain in a sentence each the words of the page."""
    return words(WORDS.items())
