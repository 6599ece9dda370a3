"""Put a finished training's weights and card where the manifest names them."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ganinv.encoders.load import load_encoder
from ganinv.files import atomic_path, read_json, write_json
from ganinv.generators.load import load_generator
from ganinv.training.checkpoint import read_history
from ganinv.training.encoder.checks import PUBLISHED, check_publishing
from ganinv.training.encoder.looks import FIGURES
from ganinv.training.encoder.starts import compare_starts
from ganinv.weights.manifest import load_manifest, weight_path

CURVE = 20  # steps that one point of the card's curves is the mean of
BRIEF = ("sha256", "steps", "seconds", "images_drawn", "photographs", "held_out", "params")


def publish(folder: str | Path, name: str = PUBLISHED) -> str:
    """Copy `folder`'s encoder to the file of `name` and its card beside it; return the SHA-256.

    The card gains the curves, the starts on the sample photographs and, where the training went on
    from an earlier one whose card lies beside its weights, what that was. The SHA-256 belongs
    in the manifest. Raises WeightsError outside a clone, whose files these are.
    """
    check_publishing(name)
    folder, path = Path(folder), weight_path(name)
    card = read_json(folder / "card.json")
    encoder = load_encoder(folder / "encoder.safetensors")
    rows = compare_starts(load_generator(card["params"]["generator"]), encoder)
    card["starts"] = [{k: v for k, v in row.items() if k != "pictures"} for row in rows]
    card["history"] = thin(read_history(folder))
    if card.get("start"):
        earlier = _card_of(card["start"]["name"])
        if earlier.is_file():
            card["start"]["card"] = {key: read_json(earlier)[key] for key in BRIEF}
    with atomic_path(path) as temporary:
        shutil.copyfile(folder / "encoder.safetensors", temporary)
    write_json(path.with_suffix(".json"), card)
    return card["sha256"]


def _card_of(name):
    """Where the card of an encoder lies that a training began from: a name, or a path."""
    if name in load_manifest():
        return weight_path(name).with_suffix(".json")
    return Path(name).with_name("card.json")


def thin(history: Sequence[dict[str, Any]], every: int = CURVE) -> list[dict[str, Any]]:
    """Thin a history to means of `every` rows each; looks at held-out images stay as they are."""
    looks = [row for row in history if "held_out_lpips" in row]
    thinned = [{k: row[k] for k in ("step", "seconds", *FIGURES)} for row in looks]
    rows = [row for row in history if "loss" in row]
    for part in (rows[i : i + every] for i in range(0, len(rows), every)):
        names = [n for n in part[0] if n not in (*FIGURES, "r1", "seconds", "step")]
        means = {n: sum(row[n] for row in part) / len(part) for n in names}
        thinned.append({"step": part[-1]["step"], "seconds": part[-1]["seconds"]} | means)
    return sorted(thinned, key=lambda row: row["step"])
