"""`ganinv invert` for those who run files: `python invert.py photo.jpg --out runs/mine`.

It is the program `ganinv`, in which `invert` is meant where no command's name stands in front. A
photograph, or a folder of them, that is called like a command is a photograph.
"""

import os
import sys

from ganinv.cli.main import app, main

COMMANDS = {command.name or command.callback.__name__ for command in app.registered_commands}
COMMANDS |= {group.name for group in app.registered_groups} | {"--version"}

if __name__ == "__main__":
    words = sys.argv[1:]
    named = bool(words) and words[0] in COMMANDS and not os.path.lexists(words[0])
    main(words if named else ["invert", *words])
