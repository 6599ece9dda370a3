"""The command `ganinv` for those who run files: `python invert.py photo.jpg --out runs/mine`.

Without a command's name in front, `invert` is meant.
"""

import sys

from ganinv.cli.main import app, main

COMMANDS = {command.name or command.callback.__name__ for command in app.registered_commands}
COMMANDS |= {group.name for group in app.registered_groups} | {"--help", "--version"}

if __name__ == "__main__":
    words = sys.argv[1:]
    main(words if not words or words[0] in COMMANDS else ["invert", *words])
