"""The files that a run writes, by name, and what other commands write beside its images."""

from collections.abc import Mapping
from typing import Any

RECORD = "record.json"
OUTPUTS = (  # of every image of which all is kept
    "target.png",
    "reconstruction.png",
    "difference.png",
    "panel.png",
    "loss_curve.png",
    "history.csv",
    "history.json",
    "latent.safetensors",
)
REFINED = ("refinement.safetensors", "code.png")  # of every refined one
KEPT = {  # beside its record, by the parameter `keep`: of an image, and more of a refined one
    "latents": (("latent.safetensors",), REFINED[:1]),
    "pictures": (
        ("latent.safetensors", "target.png", "reconstruction.png", "panel.png"),
        REFINED,
    ),
    "all": (OUTPUTS, REFINED),
}
CODE = "code.safetensors"  # while an image is refined
PASTED = "pasted.png"  # by `ganinv paste`
ALSO = ("progress.gif", "progress_strip.png", *REFINED, PASTED)  # of some
SHEET, INDEX = "contact_sheet.jpg", "index.html"
ENVIRONMENT = "environment.json"
EDITS = "edits.json"  # by `ganinv edit`, whose --out may be the run
SAVED = "edits"  # the folder of edits that are saved from a notebook
PAGES = "index-pages"  # the folder of what does not fit on index.html
EXPORTED = "exported"  # the folder of `ganinv export`, unless another is named
RESERVED = (  # no image may be called so: names of what lies beside the images' folders
    "params.yaml",
    ENVIRONMENT,
    "metrics.json",
    "metrics.csv",
    "summary.json",
    SHEET,
    INDEX,
    PAGES,
    EDITS,
    SAVED,
    EXPORTED,
    "con",
    "nul",
    "aux",
    "prn",
    *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)),
)


def files_of(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the files that lie beside a finished image's record, by its entry.

    Of entries older than the parameter `keep`, and of damaged ones, that is all of them.
    """
    files, refined = KEPT.get(str(entry.get("keep")), KEPT["all"])
    return (*files, *(refined if "code" in entry else ()))


def lacks(entry: Mapping[str, Any], keep: str) -> str:
    """Say, in brackets, that a finished image has fewer files than `keep` asks for; "" if not."""
    ranks = list(KEPT)
    kept = str(entry.get("keep"))
    if kept not in ranks or ranks.index(kept) >= ranks.index(keep):
        return ""
    return f" (its {kept} alone; --fresh makes it anew, `ganinv render` draws latents)"
