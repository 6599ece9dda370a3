"""Shards: the photographs of a call divided among processes, by a hash of their ids.

A photograph's shard depends on its id and on the number of shards alone, so that adding one moves
no other, and that no process needs to know of another.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ganinv.errors import ParamsError, shorten

SLURM = "slurm"  # in place of I/N: as the variables of a job array say
ARRAY = "SLURM_ARRAY_TASK_"
MOST = 1_000_000


@dataclass(frozen=True)
class Shard:
    """Shard `index` of `count`, counted from 1: a container of the ids that fall to it."""

    index: int
    count: int

    def __contains__(self, image_id: object) -> bool:
        data = str(image_id).encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(b"shard:" + data).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index - 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def parse_shard(text: str, environment: Mapping[str, str] = os.environ) -> Shard:
    """Read I/N, 1/N to N/N, or slurm: task and size of the job array from the environment.

    Raises ParamsError for anything else, and where the variables are not there or do not say it.
    """
    if text.strip().lower() == SLURM:
        return _of_array(environment)
    found = re.fullmatch(r"\s*(\d{1,7})\s*/\s*(\d{1,7})\s*", text, re.ASCII)
    index, count = map(int, found.groups()) if found else (0, 0)
    if not 1 <= index <= count <= MOST:
        raise ParamsError(
            f"shard: {shorten(repr(text))} is no I/N with I from 1 to N, such as 2/8, and not slurm"
        )
    return Shard(index, count)


def _of_array(environment: Mapping[str, str]) -> Shard:
    """The shard of a task in a SLURM job array without gaps, whatever number it begins with."""
    names = ("ID", "COUNT", "MIN", "MAX", "STEP")
    values = {name: environment.get(ARRAY + name, "").strip() for name in names}
    if not values["ID"] or not values["COUNT"]:
        raise ParamsError(
            f"shard: slurm reads {ARRAY}ID and {ARRAY}COUNT, which are not set; start the job by "
            "sbatch --array=1-N, or give I/N"
        )
    try:
        task, count = int(values["ID"]), int(values["COUNT"])
        first, step = int(values["MIN"] or 1), int(values["STEP"] or 1)
        last = int(values["MAX"] or first + (count - 1) * step)
    except ValueError:
        shown = ", ".join(f"{ARRAY}{name}={shorten(repr(x))}" for name, x in values.items() if x)
        raise ParamsError(f"shard: slurm: {shown} are no whole numbers; give I/N") from None
    whole = step > 0 and last - first == (count - 1) * step and (task - first) % step == 0
    index = (task - first) // step + 1 if step > 0 else 0
    if not whole or not 1 <= index <= count <= MOST:
        raise ParamsError(
            f"shard: slurm: task {task} of an array of {count} from {first} to {last} is none of "
            "an array without gaps; start it by sbatch --array=1-N, or give I/N"
        )
    return Shard(index, count)
