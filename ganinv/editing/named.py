"""directions_NAME.safetensors: a generator's named directions, with their card beside as JSON.

The file holds one w (w_dim,) for each name. Its metadata say whose they are, which layers each
moves, and what each is, in words; the card, what was measured.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from ganinv.editing.names import NAMED, named_files
from ganinv.errors import ParamsError, printable
from ganinv.files import read_json, write_json
from ganinv.inversion.latent_files import Named, maker_of
from ganinv.locks import locked
from ganinv.paths import checkpoints_folder
from ganinv.weights.store import read_tensors, write_tensors

WAIT = 60.0  # seconds, for another process that writes the same card
HELD = {"holds": True}  # a direction that was not checked stays
Rows = dict[str, tuple[Tensor, str, str]]  # by name: w, layers, words


def named_path(generator: Named) -> Path:
    """Say where directions that are found for a generator go, unless another place is named."""
    return checkpoints_folder() / f"{NAMED}{generator.name}.safetensors"


def load_named(path: str | Path, generator: Named) -> Rows:
    """Read a file of named directions; {} where they are of another generator, or it has no file.

    Raises ParamsError for a damaged file.
    """
    try:
        tensors, metadata = read_tensors(path)
        if not generator.sha256 or maker_of(metadata) != generator.sha256:
            return {}
        about = json.loads(metadata["ganinv"])
        return {
            name: (w, str(about["layers"][name]), str(about["words"][name]))
            for name, w in sorted(tensors.items())  # the library keeps no order
        }
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise ParamsError(
            f"{printable(path)} holds no directions ({printable(error)}); remove it, and find them "
            "again by `ganinv directions find`"
        ) from None


def save_named(path: str | Path, rows: Rows, generator: Named, card: dict[str, Any]) -> None:
    """Write named directions, and their card beside them. Raises WriteError."""
    about = {
        "generator": generator.name,
        "sha256": generator.sha256,
        "layers": {name: layers for name, (_, layers, _) in rows.items()},
        "words": {name: words for name, (_, _, words) in rows.items()},
    }
    tensors = {name: w.float() for name, (w, _, _) in rows.items()}
    write_tensors(path, tensors, {"ganinv": json.dumps(about, sort_keys=True)})
    write_json(Path(path).with_suffix(".json"), card)


def load_card(path: str | Path) -> dict[str, Any]:
    """Read the card beside a file of named directions, {} where there is none."""
    try:
        card = read_json(Path(path).with_suffix(".json"))
    except (OSError, ValueError, RecursionError):
        return {}
    return card if isinstance(card, dict) else {}


def cards_of(generator: Named) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the files of a generator's named directions whose card is there, with that."""
    for path in named_files():
        card = load_card(path)
        if generator.sha256 and card.get("sha256") == generator.sha256:
            yield path, card


def keep_checked(generator: Named, found: dict[str, Any]) -> list[Path]:
    """Put what a check of named directions found into their cards; return the directions' files.

    `found` is as `measure_named` returns it. What drawn faces show takes the place of what `find`
    saw on fewer, and a direction that fails leaves the list. What codes of photographs show stands
    beside it, below "photographs". Raises WriteError, and InUseError where another process keeps
    the card.
    """
    changed = []
    for path, _ in cards_of(generator):
        with locked(path.with_suffix(".lock"), wait=WAIT):
            rows, card = load_named(path, generator), load_card(path)
            checked = {name: row for name, row in found["directions"].items() if name in rows}
            if not checked:
                continue
            about = {"checked": found["faces"]}
            if found["drawn"]:
                known = card.get("directions", {})
                card["directions"] = known | {
                    name: known.get(name, {}) | row | about for name, row in checked.items()
                }
                rows = {name: row for name, row in rows.items() if checked.get(name, HELD)["holds"]}
            else:
                known = card.get("photographs", {})
                card["photographs"] = known | {name: row | about for name, row in checked.items()}
            save_named(path, rows, generator, card)
            changed.append(path)
    return changed


def deviations_of(card: dict[str, Any]) -> dict[str, float]:
    """Return attributes' standard deviations over drawn faces as a card has them, those above 0."""
    known = card.get("deviations")
    found = known.items() if isinstance(known, dict) else ()
    return {n: float(x) for n, x in found if type(x) in (int, float) and 0 < x < math.inf}


def describe_card(name: str, generator: Named) -> list[str]:
    """Say in lines what a named direction was measured to do, [] where no card tells it.

    The first is of drawn faces; a second, of codes of photographs, where they were checked.
    """
    for _, card in cards_of(generator):
        try:
            lines = [describe_row(card["directions"][name])]
            if name in card.get("photographs", {}):
                row = card["photographs"][name]
                lines.append(f"codes of photographs: {describe_row(row)}")
            return lines
        except (LookupError, TypeError, ValueError, AttributeError):  # a damaged card, or another
            continue
    return []


def left_out(generator: Named) -> dict[str, str]:
    """Return the attributes that have no direction, with what each failed in: {name: words}."""
    found: dict[str, str] = {}
    for _, card in cards_of(generator):
        try:
            rows = card["directions"].items()
            found |= {name: ", ".join(row["fails"]) for name, row in rows if not row["holds"]}
        except (LookupError, TypeError, ValueError, AttributeError):
            continue
    return found


def describe_row(row: dict[str, Any]) -> str:
    """Say in a line what a card's row says of a direction, from strength -2 to 2.

    JSON has null for what could not be measured.
    """
    if "own" not in row:
        return f"left out: held-out correlation {row['held_out_correlation']:.2f}"
    measured = {name: x for name, x in row["others"].items() if x is not None}
    others = sorted(measured.items(), key=lambda item: -abs(item[1]))[:2]
    also = "".join(f" and {name} by {x:+.1f}" for name, x in others)
    own, identity, foretold = (
        "unknown" if row.get(key) is None else f"{row[key]:.{digits}f}"
        for key, digits in (("own", 1), ("identity", 2), ("held_out_correlation", 2))
    )
    faces = f"{row['checked']} faces" if "checked" in row else "faces"
    text = (
        f"moves its own attribute by {own} standard deviations{also}; rises at every step on "
        f"{row['rising']:.0%} of {faces}; identity {identity}"
    )
    if "held_out_correlation" in row:
        text += f"; held-out correlation {foretold}"
    return text if row["holds"] else f"{text}; fails in {', '.join(row['fails'])}"
