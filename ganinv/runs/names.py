"""The files that a run writes, by name, and what other commands write beside its images."""

RECORD = "record.json"
OUTPUTS = (  # of every image
    "target.png",
    "reconstruction.png",
    "difference.png",
    "panel.png",
    "loss_curve.png",
    "history.csv",
    "history.json",
    "latent.safetensors",
)
REFINED = ("refinement.safetensors", "code.png")  # of every refined image
CODE = "code.safetensors"  # while an image is refined
PASTED = "pasted.png"  # by `ganinv paste`
ALSO = ("progress.gif", "progress_strip.png", *REFINED, PASTED)  # of some
SHEET, INDEX = "contact_sheet.jpg", "index.html"
ENVIRONMENT = "environment.json"
EDITS = "edits.json"  # by `ganinv edit`, whose --out may be the run
SAVED = "edits"  # the folder of edits that are saved from a notebook
EXPORTED = "exported"  # the folder of `ganinv export`, unless another is named
RESERVED = (  # no image may be called so: names of what lies beside the images' folders
    "params.yaml",
    ENVIRONMENT,
    "metrics.json",
    "metrics.csv",
    "summary.json",
    SHEET,
    INDEX,
    EDITS,
    SAVED,
    EXPORTED,
    "con",
    "nul",
    "aux",
    "prn",
    *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)),
)
