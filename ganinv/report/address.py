"""The project's address in the quickstart: a line of its first cell, and a badge that goes with it.

Colab opens notebooks that lie on GitHub, so the badge is for such an address alone.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

from ganinv.errors import BadArgumentsError
from ganinv.files import write_text
from ganinv.paths import notebooks_folder, project_root

BRANCH = "main"
QUICKSTART = "quickstart.ipynb"
_SETTING = re.compile(r'^REPOSITORY = "(.*?)"', re.M)
_BADGE = re.compile(r"^\[!\[Open In Colab\].*\n\n?", re.M)
_SSH = re.compile(r"(?:ssh://)?(?:[^@/]+@)([^:/]+)(?::\d+)?[:/](?!/)(.+)")


def remote_address(folder: Path) -> str:
    """Return the https address of a checkout's remote `origin`; "" where it has none on the web."""
    command = ["git", "-C", str(folder), "remote", "get-url", "origin"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:  # no git
        return ""
    return https_address(done.stdout.strip()) if done.returncode == 0 else ""


def https_address(remote: str) -> str:
    """Write a remote as an https address without user, password and `.git`; "" for a local one."""
    if found := re.fullmatch(r"https?://(?:[^@/]*@)?(.+)", remote):
        place = found[1]
    elif found := _SSH.fullmatch(remote):
        place = f"{found[1]}/{found[2]}"
    else:
        return ""
    return "https://" + place.rstrip("/").removesuffix(".git")


def badge(address: str, notebook: str = QUICKSTART) -> str:
    """Write the line that opens a notebook in Colab; "" for an address that Colab does not open."""
    prefix = "https://github.com/"
    if not address.startswith(prefix):
        return ""
    place = f"{address.removeprefix(prefix)}/blob/{BRANCH}/notebooks/{notebook}"
    colab = "https://colab.research.google.com"
    return f"[![Open In Colab]({colab}/assets/colab-badge.svg)]({colab}/github/{place})"


def read_address(notebook: Path) -> str:
    """Read the address that a notebook installs from. Raises BadArgumentsError."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if found := _SETTING.search("".join(cell["source"])):
            return found[1]
    raise BadArgumentsError(f'{notebook} has no line REPOSITORY = "…"')


def write_address(notebook: Path, address: str) -> None:
    """Write an address, or "", into a notebook, with the badge that goes with it below its title.

    Raises BadArgumentsError for a notebook without the setting, WriteError.
    """
    read_address(notebook)
    content = json.loads(notebook.read_text(encoding="utf-8"))
    title, *others = content["cells"]
    head, _, rest = _BADGE.sub("", "".join(title["source"])).partition("\n\n")
    line = badge(address, notebook.name)
    title["source"] = "\n\n".join([head, *([line] if line else []), rest]).splitlines(True)
    for cell in others:
        text = _SETTING.sub(lambda _: f'REPOSITORY = "{address}"', "".join(cell["source"]))
        cell["source"] = text.splitlines(True)
    write_text(notebook, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def main(arguments: list[str]) -> None:
    """Write the address given, or that of git's remote, into the quickstart, and say so."""
    address = https_address(arguments[0]) if arguments else remote_address(project_root())
    write_address(notebooks_folder() / QUICKSTART, address)
    print(f"the quickstart's address: {address or 'none; it has no badge'}")


if __name__ == "__main__":
    main(sys.argv[1:])
