"""Curves, held-out samples, the model card and starts, for the notebook on the encoder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from ganinv import figures
from ganinv.images.writing import read_png
from ganinv.measures.reconstruction import METRICS
from ganinv.report.html import grid, picture_html, table
from ganinv.report.plots import Key, colour, panel, panels

STARTS = ("mean_w", "encoder")
JUDGES = ("lpips_vgg", "lpips_alex")
VGG = METRICS["lpips_vgg"]
TERMS = {
    "pixels": "pixels, mean squared",
    "features": VGG.label,
    "latent": "distance to known codes",
    "offsets": "length of the offsets",
    "adversarial": "adversarial",
}


def training_curves(history: Sequence[Mapping[str, Any]], title: str) -> str:
    """Draw an encoder's training: terms of the loss, held-out LPIPS beside the mean of W's."""
    rows = [row for row in history if "loss" in row]
    drawn = {
        name: [(row["step"], row[name]) for row in rows if name in row]
        for name in TERMS
        if any(name in row for row in rows)
    }
    seen = [row for row in history if "held_out_lpips" in row]
    mean = seen[0]["mean_w_lpips"]

    def draw_terms(axis: Axes) -> None:
        for k, points in enumerate(drawn.values()):
            look = "o-" if len(points) < 9 else "-"
            axis.plot(*zip(*points, strict=True), look, color=colour(k), ms=4)
        axis.set(xlabel="step", ylabel="terms of the loss, unweighted")
        figures.plain_log(axis)

    def draw_looks(axis: Axes) -> None:
        steps = [row["step"] for row in seen]
        axis.plot(steps, [row["held_out_lpips"] for row in seen], "o-", color=colour(0), ms=4)
        axis.axhline(mean, color=figures.INK, ls=":")
        axis.set(xlabel="step", ylabel=VGG.label, ylim=(0, None))

    ends = "; ".join(f"{TERMS[k]} {p[0][1]:.3g} to {p[-1][1]:.3g}" for k, p in drawn.items())
    terms = panels(
        [panel(draw_terms, alt=f"{title}, terms of the loss: {ends}.", title=title)],
        [Key(TERMS[name], colour(k)) for k, name in enumerate(drawn)],
    )
    found = f"ends at {seen[-1]['held_out_lpips']:.3f}, beside {mean:.3f} of the mean of W"
    looked = f"{VGG.label} of held-out images (lower is better)"
    looks = panels(
        [panel(draw_looks, alt=f"{looked} {found}.", title=looked)],
        [Key("G(E(x))", colour(0)), Key("mean of W", "currentColor", ":")],
    )
    return terms + looks


def training_samples(folder: str | Path) -> str:
    """Show the last picture of a training's held-out images: as drawn, and as they come back."""
    last = sorted((Path(folder) / "samples").glob("step_*.png"))[-1]
    return figures.image_html(read_png(last), alt="Held-out images, and G(E(x)) below", css="strip")


def card_table(card: Mapping[str, Any]) -> str:
    """Show a model card as a table."""
    about, held = card["environment"], card["held_out"]
    params, generator = card["params"], card["generator"]
    rows = [
        ("encoder", card["encoder"]),
        ("generator", f"{generator['name']}, sha256 {generator['sha256'][:16]}…"),
        (
            "data",
            f"{card['images_drawn']} images drawn from the generator, truncation "
            f"{params['truncation_min']:g} to {params['truncation_max']:g}; "
            f"{card['photographs']} photographs",
        ),
        ("steps", f"{card['steps']} of {params['batch']} images, {_beginning(card)}"),
        ("seed", params["seed"]),
        (
            "device",
            f"{about['device_name']} ({about['device']}), {about['threads']} threads, "
            f"{card['precision']}, torch {about['packages']['torch']}",
        ),
        ("time", f"{card['seconds'] / 60:.0f} min"),
        (
            "held out",
            f"{card['held_out_images']['count']} drawn images of other seeds, truncation "
            f"{card['held_out_images']['truncation']:g}: squared error "
            f"{held['held_out_error']:.3f} of the mean of W's, PSNR "
            f"{held['held_out_psnr']:.1f} dB, {VGG.label} {VGG.show(held['held_out_lpips'])} "
            f"(mean of W {VGG.show(held['mean_w_lpips'])})",
        ),
        *_on_portraits(card),
        ("weights", f"{card['bytes'] / 1e6:.1f} MB, sha256 {card['sha256']}"),
    ]
    return table(["what", "model card"], rows, caption="The model card.")


def _on_portraits(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the codes are on portraits, with 95 % intervals; a card may not know of any."""
    found = card.get("portraits")
    if not found:
        return []

    def show(start: str, name: str) -> str:
        metric, one = METRICS[name], found["starts"][start][name]
        mean, *bounds = (one[key] for key in ("mean", "low", "high"))
        if None in bounds:
            return metric.show(mean)
        return f"{metric.show(mean)} ({' to '.join(map(metric.show, bounds))})"

    texts = [
        f"{METRICS[name].label} {show('encoder', name)}, mean of W {show('mean_w', name)}, better "
        f"on {found['better_on'][name]}"
        for name in (*JUDGES, "psnr", "identity")
        if name in found["better_on"]
    ]
    unseen = "" if card["photographs"] else ", none seen in training"
    return [("portraits", f"{found['count']}{unseen}: {'; '.join(texts)}")]


def _beginning(card):
    if card.get("start"):
        before = card["start"].get("card")
        steps = f" of {before['steps']} steps" if before else ""
        return f"on from an earlier training{steps}, sha256 {card['start']['sha256'][:16]}…"
    return f"after a closed-form start from {card['params']['fit_samples']}"


def starts(rows: Sequence[Mapping[str, Any]]) -> str:
    """Show photographs, the mean of W and the encoder's code, and their LPIPS before any search."""
    names = ("target", "mean of W", "encoder")
    shown = [
        picture_html(picture, f"{row['title']}, {name}", f"{row['title']}: {name}")
        for row in rows
        for picture, name in zip(row["pictures"], names, strict=True)
    ]
    cells = [
        [
            row["title"],
            *(METRICS[name].show(row[start][name]) for name in JUDGES for start in STARTS),
            f"{row['encoder']['lpips_vgg'] / row['mean_w']['lpips_vgg'] - 1:+.0%}",
        ]
        for row in rows
    ]
    judged = [(f"{METRICS[name].label}, mean of W", "encoder") for name in JUDGES]
    head = ["photograph", *judged[0], *judged[1], f"{VGG.label}, change"]
    return grid(shown, 3, "three") + table(head, cells, caption="Starts, before any step.")
