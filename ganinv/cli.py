"""The command line: ganinv invert | report | weights | data | align | verify | bench, and
train-encoder.

Exit status: 0 when all succeeded, 1 when some images failed or something could not be had,
2 for arguments that cannot be used.
"""

import sys
import warnings
from pathlib import Path
from typing import Annotated, Literal

import typer

import ganinv
from ganinv import bench_cli, data_cli
from ganinv.bench_cli import Overrides, ParamsFile
from ganinv.errors import BadArgumentsError, ParamsError
from ganinv.params import load_params, read_yaml

INTERRUPTED = 130  # the shell's status for Ctrl-C
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Put a photograph into StyleGAN2's latent space, and show what each choice does.",
)
weights_app = typer.Typer(no_args_is_help=True, help="Weights: what is here, fetching, checking.")
app.add_typer(weights_app, name="weights")


app.add_typer(data_cli.app, name="data")


app.add_typer(bench_cli.app, name="bench")


Inputs = Annotated[list[str], typer.Argument(help="images, folders, sample:NAME, or samples")]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda")]
Align = Annotated[bool | None, typer.Option("--align/--no-align", help="find and crop the face")]


def main(argv=None):
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
        code = _complain(error, 2)
    except typer.Exit as error:
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = _complain(
            "interrupted; finished images are kept, the same command continues", INTERRUPTED
        )
    except Exception as error:
        code = _complain_of(error)
    raise SystemExit(code or 0)


def _complain_of(error):
    """Turn an exception into a sentence and a status; what nobody foresaw keeps its traceback."""
    from ganinv.errors import WeightsError

    if hasattr(error, "exit_code") and hasattr(error, "format_message"):  # click's own
        error.show()
        return error.exit_code
    if isinstance(error, ParamsError):
        return _complain(error, 2)
    if isinstance(error, (WeightsError, OSError, MemoryError)):
        return _complain(error, 1)
    raise error


def _complain(error, code):
    print(f"ganinv: {error}", file=sys.stderr)
    return code


def _say_warning(message, category, filename, lineno, file=None, line=None):
    print(f"ganinv: {message}", file=sys.stderr)


def _version(value: bool):
    if value:
        print(ganinv.__version__)
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
):
    pass


@app.command()
def invert(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(help="images, folders, sample:NAME, or samples; else those of --params"),
    ] = None,
    params: ParamsFile = None,
    overrides: Overrides = (),
    out: Annotated[str | None, typer.Option(help="the folder for results")] = None,
    device: Device = None,
    align: Align = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="start over, keep nothing")] = False,
):
    """Invert photographs. The same command again continues where it stopped."""
    if any(item.partition("=")[0].strip() == "images" for item in overrides):
        raise BadArgumentsError("name the images as arguments, not by --set images=…")
    if not inputs and "images" not in (read_yaml(params) if params else {}):
        raise BadArgumentsError(
            "name INPUT: images, folders or samples, or a --params file with images"
        )
    changes = dict(images=inputs or None, out=out, device=device, align=align)
    given = {key: value for key, value in changes.items() if value is not None}
    settings = load_params(params, overrides, **given)
    from ganinv.experiment import run_experiment  # torch takes long to load

    try:
        run = run_experiment(settings, fresh=fresh)
    except ValueError as error:
        raise BadArgumentsError(error) from None
    _summarize(run)
    raise typer.Exit(1 if run.failed else 0)


def _summarize(run):
    from ganinv.artifacts import describe_metrics

    for name, entry in run.results["images"].items():
        print(f"{name}: {describe_metrics(entry)}")
    for name, reason in run.failed.items():
        print(f"failed: {name}: {reason}", file=sys.stderr)
    print(f"results in {run.out}")


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="a folder that invert wrote")],
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
):
    """Render a run's latents again and compare the metrics."""
    from ganinv.experiment import verify as verify_run

    try:
        complaints = verify_run(folder, device=device)
    except ValueError as error:
        raise BadArgumentsError(error) from None
    print("all the same" if not complaints else f"{len(complaints)} not the same")
    raise typer.Exit(1 if complaints else 0)


@app.command()
def align(
    inputs: Inputs,
    out: Annotated[Path, typer.Option(help="the folder for aligned images")],
    size: Annotated[int, typer.Option(min=16, max=4096)] = 1024,
):
    """Cut faces out of photographs as FFHQ does it."""
    from ganinv.alignment import load_image
    from ganinv.artifacts import save_png
    from ganinv.errors import ImageError
    from ganinv.experiment import find_photos
    from ganinv.images import to_uint8

    failed = 0
    for photo in find_photos(inputs, True, out):
        try:
            picture = to_uint8(load_image(photo.path, size, align=True))
        except ImageError as error:
            failed += 1
            _complain(error, 1)
            continue
        save_png(out / f"{photo.id}.png", picture)
        print(out / f"{photo.id}.png")
    raise typer.Exit(1 if failed else 0)


@app.command()
def report(
    out: Annotated[Path, typer.Option(help="the folder for the report")] = Path("reports"),
    quick: Annotated[bool, typer.Option("--quick", help="about a tenth of the steps")] = False,
    overrides: Overrides = (),
    fresh: Annotated[bool, typer.Option("--fresh", help="start over, keep nothing")] = False,
):
    """Run the experiments' notebooks and assemble the comparison."""
    from ganinv.errors import ReportError
    from ganinv.report import make_report

    try:
        page, failed = make_report(out, quick=quick, overrides=overrides, fresh=fresh)
    except ReportError as error:
        raise typer.Exit(_complain(error, 1)) from None
    print(f"the comparison is {page}")
    raise typer.Exit(1 if failed else 0)


@app.command("gan-report")
def gan_report(
    out: Annotated[Path, typer.Option(help="the folder for the report")] = Path("reports/gan"),
    quick: Annotated[bool, typer.Option("--quick", help="a few steps of tiny networks")] = False,
    overrides: Overrides = (),
    fresh: Annotated[bool, typer.Option("--fresh", help="start over, keep nothing")] = False,
):
    """Train small GANs, compare and invert them. The same command again goes on."""
    from ganinv.errors import ReportError
    from ganinv.gan_report import make_gan_report

    try:
        page = make_gan_report(out, quick=quick, overrides=overrides, fresh=fresh)
    except ReportError as error:
        raise typer.Exit(_complain(error, 1)) from None
    print(f"the report on small GANs is {page}")


@app.command("train-encoder")
def train_encoder(
    params: ParamsFile = None,
    overrides: Overrides = (),
    out: Annotated[str | None, typer.Option(help="the folder for the training")] = None,
    device: Device = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="start over, keep nothing")] = False,
):
    """Train the domain-guided encoder. The same command again goes on where it stopped."""
    from ganinv.training.settings import EncoderParams

    changes = {key: value for key, value in dict(out=out, device=device).items() if value}
    settings = load_params(params, overrides, EncoderParams, **changes)
    from ganinv.training.encoder import train_encoder as train  # torch takes long to load

    print(train(settings, fresh=fresh))


@app.command("train-gan")
def train_gan(
    params: ParamsFile = None,
    overrides: Overrides = (),
    out: Annotated[str | None, typer.Option(help="the folder for the training")] = None,
    device: Device = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="start over, keep nothing")] = False,
):
    """Train a small GAN on a folder of images. The same command again goes on where it stopped."""
    from ganinv.training.gan_settings import GanParams

    changes = {key: value for key, value in dict(out=out, device=device).items() if value}
    settings = load_params(params, overrides, GanParams, **changes)
    from ganinv.training.gan import train_gan as train  # torch takes long to load

    print(train(settings, fresh=fresh))


@weights_app.command("list")
def weights_list():
    """Every weight file by name: whether it is here, its size and licence."""
    from ganinv.weights.manifest import load_manifest, weight_path

    for name, entry in load_manifest().items():
        here = "here" if weight_path(name).is_file() else "not here"
        size = f"{entry.size / 1e6:.0f} MB" if entry.size else "size unknown"
        print(f"{name}  ({entry.kind}, {size}, {here})\n    {entry.about}")
        print(f"    licence: {entry.licence}")


@weights_app.command("fetch")
def weights_fetch(names: Annotated[list[str], typer.Argument(help="names, or all")]):
    """Bring weights and convert them; what is here and whole is kept."""
    from ganinv.weights.fetch import fetch
    from ganinv.weights.manifest import load_manifest

    for name in load_manifest() if names == ["all"] else names:
        print(fetch(name))


@weights_app.command("verify")
def weights_verify():
    """Compare the checksum of every weight file that is here."""
    from ganinv.weights.fetch import damage
    from ganinv.weights.manifest import load_manifest

    bad = 0
    for name in load_manifest():
        complaint = damage(name)
        bad += complaint not in ("", "not here")
        print(f"{name}: {complaint or 'whole'}")
    raise typer.Exit(1 if bad else 0)


@weights_app.command("convert")
def weights_convert(
    file: Annotated[Path, typer.Argument(help="a StyleGAN2, e4e or pSp checkpoint")],
    out: Annotated[Path | None, typer.Option(help="a .safetensors file; else beside it")] = None,
    head: Annotated[
        Literal["e4e", "psp"] | None, typer.Option(help="of an encoder whose opts do not say")
    ] = None,
):
    """Turn an own checkpoint into safetensors and a JSON description; nothing in it is run."""
    from ganinv.weights.foreign import convert_checkpoint

    for path in convert_checkpoint(file, out, head):
        print(path)


@weights_app.command("info")
def weights_info(
    file: Annotated[str, typer.Argument(help="a checkpoint, a .safetensors file, or a name")],
):
    """What a weight file holds: architecture, resolution, widths, source, checksum, licence."""
    from ganinv.weights.foreign import describe_file

    for number, description in enumerate(describe_file(file)):
        print("\n" * bool(number), end="")
        for name, value in description.items():
            print(f"{name}: {value}")
