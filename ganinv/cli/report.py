"""ganinv report | gan-report."""

from pathlib import Path
from typing import Annotated

import typer

from ganinv.cli.shared import Fresh, Overrides, a_path, complain
from ganinv.errors import BadArgumentsError, printable
from ganinv.runs.params import Params


def report(
    out: Annotated[Path, typer.Option(parser=a_path, help="the folder for the report")] = Path(
        "reports"
    ),
    quick: Annotated[bool, typer.Option("--quick", help="about a tenth of the steps")] = False,
    overrides: Overrides = None,
    fresh: Fresh = False,
    study: Annotated[
        Path | None,
        typer.Option(parser=a_path, help="a study.json that judges; else the published one"),
    ] = None,
    only: Annotated[
        str, typer.Option(metavar="PAGES", help="the pages to make, as beyond,editing; else all")
    ] = "",
) -> None:
    """Run the experiments' notebooks and assemble the comparison."""
    from ganinv.errors import ReportError
    from ganinv.runs.checks import check_out

    Params.load(None, overrides)  # both before the seconds that torch takes
    check_out(str(out))
    if study is not None and not study.is_file():
        raise BadArgumentsError(f"--study {printable(study)}: there is no such file")
    from ganinv.report.experiments import check_pages, make_report
    from ganinv.report.timing import estimate_report

    names = [name.strip() for name in only.split(",")] if only.strip() else []
    check_pages(names)
    if study is not None:
        _check_study(study)
    try:
        page, failed = make_report(
            out,
            quick=quick,
            overrides=overrides or (),
            fresh=fresh,
            study=study,
            only=names,
            estimate=estimate_report,
        )
    except ReportError as error:
        raise typer.Exit(complain(error, 1)) from None
    print(f"the {'comparison' if page.stem == 'index' else 'first page'} is {page}")
    raise typer.Exit(1 if failed else 0)


def _check_study(path: Path) -> None:
    """Raise BadArgumentsError for a study that could judge nothing, before hours of runs."""
    from ganinv.analysis.study import read_study

    try:
        found = read_study(path)
    except ValueError as error:
        raise BadArgumentsError(f"--study: {printable(error)}") from None
    if found is None:
        raise BadArgumentsError(
            f"--study {printable(path)}: no photograph of it has been done by every recipe; go on "
            "with `ganinv study`, or leave the option out"
        )


def gan_report(
    out: Annotated[Path, typer.Option(parser=a_path, help="the folder for the report")] = Path(
        "reports/gan"
    ),
    quick: Annotated[bool, typer.Option("--quick", help="a few steps of tiny networks")] = False,
    overrides: Overrides = None,
    fresh: Fresh = False,
) -> None:
    """Train small GANs, compare and invert them. The same command again goes on."""
    from ganinv.errors import ReportError
    from ganinv.runs.checks import check_out

    check_out(str(out))
    from ganinv.report.gans import make_gan_report

    try:
        page = make_gan_report(out, quick=quick, overrides=overrides or (), fresh=fresh)
    except ReportError as error:
        raise typer.Exit(complain(error, 1)) from None
    print(f"the report on small GANs is {page}")
