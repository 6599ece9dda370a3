"""The command line's data: ganinv data list | fetch."""

import typer

app = typer.Typer(no_args_is_help=True, help="The sample photographs.")


@app.command("list")
def data_list():
    """The sample photographs, where they come from and their licences."""
    from ganinv.samples import load_samples

    for name, sample in load_samples().items():
        here = "here" if sample.path.is_file() else "not here"
        print(f"sample:{name}  ({here})\n    {sample.about}\n    licence: {sample.licence}")


@app.command("fetch")
def data_fetch():
    """Bring the sample photographs to data/samples/."""
    from ganinv.samples import fetch_samples

    fetch_samples()
