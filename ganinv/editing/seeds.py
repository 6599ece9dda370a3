"""Seeds of generated images as they are written, in commands and names. Needs no torch."""

import os
import re
from pathlib import Path

from ganinv.errors import BadArgumentsError, printable, shorten

MOST = 10_000  # pictures of one command
LARGEST = 2**32 - 1  # that numpy takes
SEED_SUFFIXES = (".png", ".safetensors")
SEED_FILE = re.compile(r"seed(\d{4,10})\.(png|safetensors)")


def parse_seeds(text: str) -> list[int]:
    """Read 0-15, or 1,2,5-7: each seed once, in their order. Raises BadArgumentsError."""
    found: dict[int, None] = {}
    for part in text.split(","):
        read = re.fullmatch(r"\s*([0-9]{1,10})\s*(?:-\s*([0-9]{1,10})\s*)?", part)
        first, last = (int(read[1]), int(read[2] or read[1])) if read else (1, 0)
        if first > last or last > LARGEST:
            raise BadArgumentsError(
                f"--seeds {shorten(printable(text))}: give numbers from 0 to {LARGEST} and ranges, "
                "with commas, such as 0-15 or 1,2,5-7"
            )
        if last - first + 1 + len(found) > MOST:
            raise BadArgumentsError(
                f"--seeds {shorten(printable(text))}: {MOST} at most in one call"
            )
        found |= dict.fromkeys(range(first, last + 1))
    return list(found)


def seed_word(seed: int) -> str:
    """Name a seed's files as NVIDIA's generate.py does: seed0007."""
    return f"seed{seed:04d}"


def seed_files(folder: Path) -> dict[int, set[str]]:
    """List what lies in a folder of each seed, sorted by it: .png, .safetensors."""
    found: dict[int, set[str]] = {}
    for name in os.listdir(folder) if folder.is_dir() else ():
        named = SEED_FILE.fullmatch(name)
        if named and name.startswith(f"{seed_word(int(named[1]))}."):
            found.setdefault(int(named[1]), set()).add(f".{named[2]}")
    return dict(sorted(found.items()))
