"""Names of benchmarked recipes that a person can read.

A recipe is called by its file and its changes, `exp03+coordinates=w+lr=0.05`, in results; a page
calls it by what it is.
"""

from pathlib import Path

FILES = {
    "exp01": "W, L2",
    "exp02": "W+, L2",
    "exp03": "W+, LPIPS",
    "exp04": "W+, LPIPS, from an encoder",
    "fast": "W+, LPIPS, noise maps too (fast)",
    "exact": "exact: a code, then features",
    "rosinality-wplus": "rosinality's projector, W+",
    "nvidia-w": "NVIDIA's projector, W",
    "pti-pivot": "PTI's pivot, W",
}
CHANGES = {
    "steps": "{} steps",
    "lr": "rate {}",
    "precision": "in {}",
    "space": "in {}",
    "seed": "seed {}",
}
VALUES = {
    "coordinates=w": "moved along w",
    "coordinates=style": "moved along the styles' axes",
    "noise_maps=stored": "noise maps as stored",
    "noise_maps=optimized": "noise maps searched",
    "space=w": "in W",
    "space=w+": "in W+",
}


def readable(recipe: str) -> str:
    """Write what a recipe is; a file that is not known stays its name."""
    file, *changes = _parts(recipe)
    name = FILES.get(file) or (Path(file).stem if file.endswith((".yaml", ".yml")) else file)
    return ", ".join([name, *(_change(change) for change in changes)])


def _parts(recipe: str) -> list[str]:
    """The file and the changes; a `+` that no `=` follows belongs to a value, as in space=w+."""
    parts: list[str] = []
    for text in recipe.split("+"):
        if parts and "=" not in text:
            parts[-1] += f"+{text}"
        else:
            parts.append(text)
    return parts


def _change(text: str) -> str:
    key, _, value = text.partition("=")
    return VALUES.get(text) or CHANGES.get(key, f"{key} {{}}").format(value)
