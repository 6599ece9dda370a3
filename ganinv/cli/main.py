"""The command line `ganinv`: its commands, and how their errors become an exit status.

Exit status: 0 when all succeeded, 1 when some images failed or something could not be had,
2 for arguments that cannot be used.
"""

import sys
import warnings
from pathlib import Path
from typing import Annotated, NoReturn

import typer

import ganinv
from ganinv.cli import (
    align,
    bench,
    data,
    directions,
    edit,
    invert,
    latents,
    morph,
    params,
    report,
    study,
    train,
)
from ganinv.cli.shared import complain
from ganinv.cli.weights import weights_app
from ganinv.errors import BadArgumentsError, GaninvError, ParamsError, printable

INTERRUPTED = 130  # the shell's status for Ctrl-C
app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Put a photograph into StyleGAN2's latent space, and show what each choice does.",
)
app.add_typer(weights_app, name="weights")
app.add_typer(data.app, name="data")
app.add_typer(bench.app, name="bench")
app.add_typer(directions.app, name="directions")
app.command()(invert.invert)
app.command()(invert.collect)
app.command()(invert.verify)
app.command()(edit.edit)
app.command()(params.params)
app.command()(align.align)
app.command()(align.paste)
app.command()(morph.morph)
app.command()(morph.mix)
app.command()(morph.animate)
app.command()(latents.render)
app.command()(latents.generate)
app.command()(latents.export)
app.command()(report.report)
app.command("gan-report")(report.gan_report)
app.command()(study.study)
app.command("train-encoder")(train.train_encoder)
app.command("train-gan")(train.train_gan)


def main(argv: list[str] | None = None) -> NoReturn:
    """Run the program and exit with its status."""
    warnings.showwarning = _say_warning
    for stream in (sys.stdout, sys.stderr):  # a file's name may be no Unicode
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(args=argv, prog_name="ganinv", standalone_mode=False)
        if code == INTERRUPTED:  # typer turns the interrupt into a status
            raise KeyboardInterrupt
    except BadArgumentsError as error:
        code = complain(error, 2)
    except typer.Exit as error:
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        same = "the same command" + " without --fresh" * ("--fresh" in (argv or sys.argv))
        code = complain(f"interrupted; what is finished is kept, and {same} goes on", INTERRUPTED)
    except Exception as error:
        code = _complain_of(error)
    raise SystemExit(code or 0)


def _complain_of(error):
    """Turn an exception into a sentence and a status; what nobody foresaw keeps its traceback."""
    if hasattr(error, "exit_code") and hasattr(error, "format_message"):  # click's own
        error.show()
        if hint := _hint(error):
            complain(hint, 0)
        return error.exit_code
    if isinstance(error, ParamsError):
        return complain(error, 2)
    if isinstance(error, (GaninvError, OSError, MemoryError)):
        return complain(error, 1)
    raise error


def _hint(error):
    """Where an option or an image goes that was given to the wrong command, or to none."""
    command = error.ctx.info_name if error.ctx else None
    if name := getattr(error, "option_name", None):
        return _hint_of_option(name.lstrip("-").replace("-", "_"), command)
    message = error.format_message()
    given = next((word for word in sys.argv[1:2] if word in message), None)
    if "No such command" in message and given and Path(given).exists():
        return f"to invert it: ganinv invert {printable(given)}"
    return None


def _hint_of_option(name, command):
    own = params.MODELS.get(command)
    if own is not None and name in own.model_fields:
        return f"{name} is a parameter: --set {name}=…"
    takers = [other for other, model in params.MODELS.items() if name in model.model_fields]
    if not takers:
        return None
    how = " or ".join(f"ganinv {other} … --set {name}=…" for other in takers)
    return f"{name} is a parameter of another command: {how}"


def _say_warning(message, category, filename, lineno, file=None, line=None):
    complain(message, 0)


def _version(value: bool):
    if value:
        print(ganinv.__version__)
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
):
    pass
