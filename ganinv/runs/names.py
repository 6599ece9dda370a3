"""The files that a run writes, by name."""

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
RESERVED = (  # no image may be called so: names of files beside the images' folders
    "params.yaml",
    "environment.json",
    "metrics.json",
    "metrics.csv",
    "summary.json",
    SHEET,
    INDEX,
    "con",
    "nul",
    "aux",
    "prn",
    *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)),
)
