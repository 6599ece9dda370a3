"""ganinv study."""

from typing import Annotated

import typer

from ganinv.cli.shared import complete_params, tell
from ganinv.errors import BadArgumentsError
from ganinv.runs.study_params import StudyParams, recipes_of


def study(
    params: Annotated[
        str, typer.Option("--params", help="a YAML file", autocompletion=complete_params)
    ] = "study",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, a parameter of the study")
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", help="the folder for runs and results")
    ] = None,
) -> None:
    """Compare recipes over photographs and restarts. The same command again goes on.

    On Ctrl-C, what is finished is summed up; several processes may share one OUT.
    """
    settings = StudyParams.load(params, overrides, **({} if out is None else {"out": out}))
    recipes_of(settings)  # before the seconds that torch takes
    from ganinv.report.study import RESULTS, make_study, write_study
    from ganinv.runs.study import plan_study

    try:
        page, plan = make_study(settings, say=tell)
    except KeyboardInterrupt:
        write_study(plan_study(settings, tell))
        raise
    except ValueError as error:
        raise BadArgumentsError(error) from None
    for name, reason in plan.failed.items():
        tell(f"failed: {name}: {reason}")
    where = f"{settings.out}/{RESULTS}"
    left = f"no photograph has been finished by every recipe; {where} has what is done"
    tell(left if page is None else f"the study is {page}")
    raise typer.Exit(1 if plan.failed else 0)
