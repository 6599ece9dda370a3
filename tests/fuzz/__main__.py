"""Read made and damaged files for a while: `PYTHONPATH=tests python -m fuzz --seconds 60`.

It prints, for each target, how many cases were read as documented of how many were tried, and the
number of each that was not: `python -m fuzz TARGET --case NUMBER` reads it again, in this process.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from fuzz.children import BATCH, make_case, run_batch, run_case
from fuzz.targets import TARGETS, warm_up


def main() -> int:
    """Run the program; return its exit status."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}; all by default")
    parser.add_argument("--seconds", type=float, default=60, help="for all together")
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    parser.add_argument("--case", type=int, help="read this case alone")
    options = parser.parse_args()
    names = options.targets or list(TARGETS)
    warm_up()
    if options.case is not None:
        with tempfile.TemporaryDirectory() as folder:
            print(make_case(names[0], options.case)[1][:400])
            print(run_case(names[0], options.case, Path(folder)) or "as documented")
        return 0
    tried, wrong = dict.fromkeys(names, 0), {name: {} for name in names}
    end = time.monotonic() + options.seconds
    while time.monotonic() < end:
        for name in names:
            found = run_batch(name, options.first + tried[name])
            for number, said in found.items():
                print(f"{name} {number}: {said}", flush=True)
            tried[name] += BATCH
            wrong[name] |= found
    for name in names:
        print(f"{name}: {tried[name] - len(wrong[name])} of {tried[name]}")
    return int(any(wrong.values()))


if __name__ == "__main__":
    sys.exit(main())
