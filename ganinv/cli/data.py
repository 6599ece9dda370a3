"""ganinv data list | fetch | cats | abstract-art."""

import typer

app = typer.Typer(no_args_is_help=True, help="The sample photographs, and sets to train a GAN on.")


@app.command("list")
def data_list() -> None:
    """The sample photographs and image sets, where they come from and their licences."""
    from ganinv.runs.samples import load_samples
    from ganinv.training.sets.fetch import load_sets
    from ganinv.training.sets.image_sets import is_here

    for name, sample in load_samples().items():
        _list(f"sample:{name}", sample, sample.path.is_file())
    for name, image_set in load_sets().items():
        _list(name, image_set, is_here(name))


def _list(name, entry, is_here):
    print(f"{name}  ({'here' if is_here else 'not here'})\n    {entry.about}")
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
