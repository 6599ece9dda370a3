"""`ganinv invert` for those who run files: `python invert.py photo.jpg --out runs/mine`.

Every argument is one of `ganinv invert`; `python -m ganinv` has the other commands.
"""

import sys

from ganinv.cli.main import main

if __name__ == "__main__":
    main(["invert", *sys.argv[1:]])
