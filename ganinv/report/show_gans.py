"""Images of the set, samples and measures, for the notebooks on small GANs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ganinv import figures
from ganinv.analysis.gans import (
    LEAST,
    SHARES,
    Figure,
    Seeds,
    at_the_end,
    can_be_told,
    over_seeds,
    telling,
)
from ganinv.analysis.statistics import CONFIDENCE, Interval
from ganinv.analysis.trainings import Trained
from ganinv.measures.distributions import FEATURES
from ganinv.report.html import film, table
from ganinv.report.told import ABSENT, at, told_interval
from ganinv.training.gan.settings import GanParams

FRAME = 120  # pixels of a film's picture, at least


@dataclass(frozen=True)
class Measure:
    """A row of the table of what samples measure: shown times `scale`, with `digits` behind the
    point; `higher` where more is better."""

    label: str
    digits: int
    higher: bool
    scale: int = 1

    @property
    def heading(self) -> str:
        """The label with an arrow to the better side."""
        return f"{self.label} {'↑' if self.higher else '↓'}"

    def show(self, value: float) -> str:
        """Write a value."""
        return f"{self.scale * value:.{self.digits}f}"

    def average(self, trainings: Seeds, figure: Figure) -> Interval:
        """Average a figure over the seeds, in the units that are shown."""
        return over_seeds(trainings, lambda trained: self.scale * figure(trained))


MEASURES = {
    "fid": Measure("FID", 1, higher=False),
    "kid": Measure("KID × 1000", 1, higher=False, scale=1000),
    "precision": Measure("precision", 2, higher=True),
    "recall": Measure("recall", 2, higher=True),
    "diversity": Measure("diversity", 2, higher=True),
}


def picture_grid(images: np.ndarray, columns: int) -> np.ndarray:
    """Lay images uint8 (N, S, S, 3) in one picture, white where the last row has none."""
    size = images.shape[1]
    missing = np.full((-len(images) % columns, size, size, 3), 255, np.uint8)
    images = np.concatenate([images, missing])
    rows = images.reshape(-1, columns, size, size, 3).swapaxes(1, 2)
    return rows.reshape(-1, columns * size, 3)


def images_html(images: np.ndarray, columns: int, *, alt: str, caption: str = "") -> str:
    """Show images uint8 (N, S, S, 3) in a grid, at twice their size and sharp."""
    return _enlarged(picture_grid(np.asarray(images), columns), alt=alt, caption=caption)


def _enlarged(picture, *, alt, caption):
    doubled = picture.repeat(2, 0).repeat(2, 1)
    return figures.image_html(doubled, alt=alt, caption=caption)


def training_film(trained: Trained) -> str:
    """Show the same z on the way through a training, as a film."""
    frames = [
        figures.image_html(shown, alt=f"{trained.name}, step {step}", caption=f"step {step}")
        for step, shown in trained.film()
    ]
    return film(trained.name, frames, least=FRAME)


def final_samples(trained: Trained, rows: int | None = None) -> str:
    """Show the last grid of samples, or its first `rows` rows."""
    size = trained.samples.shape[1] // trained.params["grid"]
    shown = trained.samples[: (rows or trained.params["grid"]) * size]
    return _enlarged(shown, alt=f"Samples of {trained.name}", caption=trained.name)


def looks_table(trained: Trained) -> str:
    """Show every look's measures, but precision and recall that cannot be told from 0."""
    keys = _shown([[trained]])
    rows = [
        [row["step"], f"{row['seconds']:.0f}", *(MEASURES[key].show(row[key]) for key in keys)]
        for row in trained.looks
    ]
    head = ["step", "s", *(MEASURES[key].heading for key in keys)]
    return table(head, rows, caption=f"{trained.name}: what samples measure at every look.")


def _shown(groups):
    return telling(groups, [name for name in MEASURES if name in groups[0][0].last])


def comparison_table(groups: Sequence[Seeds]) -> str:
    """Show the last look of all trainings: means over seeds with intervals, the best in bold.

    Precision and recall that cannot be told from 0 are left out. Beside them: what it cost.
    """
    keys, rows, best = _shown(groups), [], set()
    for group in groups:
        rows.append(
            [
                group[0].name,
                *(_over_seeds(group, key) for key in keys),
                f"{over_seeds(group, at_the_end('step')).mean:.0f}",
                f"{over_seeds(group, at_the_end('seconds')).mean / 60:.0f}",
                _trouble(group),
            ]
        )
    for column, key in enumerate(keys, 1):
        pick = max if MEASURES[key].higher else min
        values = [over_seeds(group, at_the_end(key)).mean for group in groups]
        best.add((values.index(pick(values)), column))
    headings = (MEASURES[key].heading for key in keys)
    head = ["objective", *headings, "generator steps", "min each", "trouble"]
    return table(head, rows, best, caption="Objectives at the last look; best in bold.")


def _over_seeds(group, key):
    """A measure's mean and interval, a dash for a share that cannot be told from 0."""
    if not can_be_told(group, key):
        return ABSENT
    found, measure = over_seeds(group, at_the_end(key)), MEASURES[key]
    here = at("", "trainings", group[0].name, "last", key)
    mean, *bounds = ((f"{here}/{of}", getattr(found, of)) for of in ("mean", "low", "high"))
    return told_interval(mean, bounds, f"{measure.scale}*.{measure.digits}f")


def _trouble(group):
    """The kinds of trouble, each with the number of trainings that it came to."""
    kinds = [kind for t in group for kind in dict.fromkeys(item["kind"] for item in t.trouble)]
    counted = dict.fromkeys(f"{kind} ({kinds.count(kind)} of {len(group)})" for kind in kinds)
    return ", ".join(counted) or "none"


def steadiness_table(groups: Sequence[Seeds]) -> str:
    """Show the figures behind the verdicts: unsteadiness, setbacks, nearest neighbours."""
    kid = MEASURES["kid"]
    shares = telling(groups, ["recall"])
    rows = [
        [
            group[0].name,
            over_seeds(group, lambda t: t.unsteadiness).show(2),
            kid.average(group, Trained.setback).show(kid.digits),
            *(_over_seeds(group, key) for key in (*shares, "diversity")),
            over_seeds(group, lambda t: t.neighbours).show(2),
        ]
        for group in groups
    ]
    head = [
        "objective",
        "unsteadiness ↓",
        f"largest setback, {kid.heading}",
        *(MEASURES[key].heading for key in (*shares, "diversity")),
        "different nearest neighbours ↑",
    ]
    return table(head, rows, caption="How steady the trainings are, and what they leave out.")


def plans_table(plans: Mapping[str, Sequence[GanParams]]) -> str:
    """Show the parameters, but for seeds, in which planned trainings differ."""
    keys = (
        "objective",
        "spectral_norm",
        "D's normalization",
        "lr_discriminator",
        "lr_generator",
        "beta1",
        "beta2",
        "critic_steps",
        "gp_weight",
    )
    dumped = {
        name: params.model_dump() | {"D's normalization": params.norm}
        for name, (params, *_) in plans.items()
    }
    differing = [k for k in keys if len({str(d[k]) for d in dumped.values()}) > 1]
    rows = [[name, *(_plain(d[key]) for key in differing)] for name, d in dumped.items()]
    caption = "The parameters in which the trainings differ."
    return table(["training", *differing], rows, caption=caption)


def _plain(value):
    return f"{value:g}" if isinstance(value, float) else value


def card_table(trained: Trained) -> str:
    """Show the model card of a training as a table: networks, images, rates, device."""
    card, params, about = trained.card, trained.params, trained.card["environment"]
    rows = [
        ("networks", f"{card['generator']}, width {params['width']}, z of {params['z_dim']}"),
        (
            "images",
            f"{card['images']['count']} of {card['images']['name']}, sha256 "
            f"{card['images']['sha256'][:16]}…",
        ),
        ("changes before D (DiffAugment)", params["diff_augment"]),
        (
            "steps",
            f"{card['steps']} of {params['batch']} images, "
            f"{params['critic_steps']} of D for each of G",
        ),
        (
            "rates",
            f"G {params['lr_generator']:g}, D {params['lr_discriminator']:g}, betas "
            f"{params['beta1']:g} and {params['beta2']:g}",
        ),
        ("seed", params["seed"]),
        (
            "device",
            f"{about['device_name']} ({about['device']}), {about['threads']} threads, "
            f"{card['precision']}, torch {about['packages']['torch']}",
        ),
        ("date", about["date"]),
        ("features", card["features"]),
    ]
    return table(["what", trained.name], rows, caption="The model card.")


def describe_measures(groups: Sequence[Seeds]) -> str:
    """Say, in Markdown, how samples are measured, and which shares are left out."""
    count = groups[0][0].measured
    text = (
        f"*How they are computed.* FID and KID compare {count} samples with as many real images on "
        f"{FEATURES}. Precision is the share of samples that lie among real images, recall the "
        "share of real images that lie among samples (Kynkäänniemi et al. 2019). Diversity is the "
        "mean distance between two samples by that between two real images, in the same features."
    )
    if len(groups[0]) > 1:
        text += (
            f" Numbers are means over {len(groups[0])} seeds, with Student's interval of "
            f"{CONFIDENCE:.0%} for the mean."
        )
    absent = [key for key in SHARES if not all(can_be_told(group, key) for group in groups)]
    if absent:
        text += (
            f" A share under {LEAST} of {count} images, as is {' or '.join(absent)} here, cannot "
            "be told from 0, since the count of k images has the standard error of its root: it is "
            "left out of tables and verdicts."
        )
    return text
