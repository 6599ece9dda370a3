"""The command line's data: ganinv data list | fetch | NAME, a set's."""

from pathlib import Path
from typing import Annotated

import typer

from ganinv.cli.shared import a_path

app = typer.Typer(no_args_is_help=True, help="The sample photographs, and image sets.")
From = Annotated[
    Path | None,
    typer.Option("--from", parser=a_path, help="a folder that holds files of the set already"),
]


@app.command("list")
def data_list() -> None:
    """List the sample photographs and image sets, where they come from and their licences."""
    from ganinv.runs.samples import load_samples
    from ganinv.runs.sets import is_here, load_sets

    for name, sample in load_samples().items():
        _list(f"sample:{name}", sample, "here" if sample.path.is_file() else "not here")
    for name, image_set in load_sets().items():
        here = "here" if is_here(name) else "not here"
        _list(f"set:{name}", image_set, _count(name) or here)
        for part, about in (image_set.listed.parts if image_set.listed else {}).items():
            print(f"    set:{name}/{part}  ({_count(name, part)}): {about}")


def _count(name, part=""):
    """How many files of a set that is listed are here, in words; "" of any other."""
    from ganinv.runs.sets import count_files

    count = count_files(name, part)
    return f"{count[0]} of {count[1]} files here" if count else ""


def _list(name, entry, here):
    print(f"{name}  ({here})\n    {entry.about}")
    print(f"    licence: {entry.licence}")


@app.command("fetch")
def data_fetch() -> None:
    """Bring the sample photographs to data/samples/."""
    from ganinv.runs.samples import fetch_samples

    fetch_samples()


@app.command("cats")
def data_cats() -> None:
    """Bring the cat heads to data/cats/: a download of 2.2 GB. A second call goes on."""
    from ganinv.training.sets.fetch import fetch_set

    fetch_set("cats")


@app.command("abstract-art")
def data_abstract_art() -> None:
    """Bring the abstract paintings to data/abstract-art/, by your own Kaggle key."""
    from ganinv.training.sets.fetch import fetch_set

    fetch_set("abstract-art")


@app.command("portraits")
def data_portraits(given: From = None) -> None:
    """Bring 67 CC0 portraits to data/sets/portraits/: 31 MB. A second call goes on."""
    from ganinv.runs.set_files import bring_files

    bring_files("portraits", given=given)


@app.command("congress")
def data_congress(given: From = None) -> None:
    """Bring 1,546 portraits of US Congress to data/sets/congress/: 22 MB. A second call goes on."""
    from ganinv.runs.set_files import bring_files

    bring_files("congress", given=given)
