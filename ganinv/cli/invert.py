"""ganinv invert | collect | verify."""

import contextlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ganinv.cli.shared import (
    Device,
    Overrides,
    ParamsFile,
    a_run,
    describe,
    tell,
)
from ganinv.errors import BadArgumentsError, GaninvError, printable
from ganinv.files import read_json
from ganinv.runs.names import INDEX
from ganinv.runs.params import Params
from ganinv.runs.record_files import each_record, is_finished
from ganinv.runs.shards import parse_shard


def _option(name: str, metavar: str = "TEXT") -> typer.models.OptionInfo:
    """An option for a parameter, read as `--set` reads it."""
    return typer.Option(f"--{name}", help=describe(name), metavar=metavar)


Inputs = Annotated[
    list[str] | None,
    typer.Argument(help="images, folders, sample:NAME, samples, set:NAME; else those of --params"),
]
Space = Annotated[str | None, _option("space")]
Loss = Annotated[str | None, _option("loss")]
Steps = Annotated[str | None, _option("steps", "INTEGER")]
Refine = Annotated[str | None, _option("refine")]
Lr = Annotated[str | None, _option("lr", "FLOAT")]
Seed = Annotated[str | None, _option("seed", "INTEGER")]
Init = Annotated[str | None, _option("init")]
Weights = Annotated[str | None, _option("generator")]
Out = Annotated[str | None, _option("out")]
Face = Annotated[str | None, _option("face")]
Align = Annotated[bool | None, typer.Option("--align/--no-align", help=describe("align"))]
Keep = Annotated[str | None, _option("keep", "[latents|pictures|all]")]
Fresh = Annotated[
    bool,
    typer.Option(
        "--fresh", help="do the images anew, and remove what other parameters left in --out"
    ),
]
KeepInterrupted = Annotated[
    bool,
    typer.Option(
        "--keep-interrupted", help="on Ctrl-C, keep the best latent so far of the running image"
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        help="I/N: those photographs that fall to process I of N, or slurm: as the job array says",
    ),
]
Engine = Annotated[
    Literal["serial", "ray"],
    typer.Option(help="serial: in this process, one after another; ray: by workers of a cluster"),
]
Address = Annotated[
    str | None,
    typer.Option(
        help="of the Ray cluster: HOST:PORT, local (this machine alone), or auto: the cluster that "
        "this machine belongs to, else a local one",
        show_default="auto",
    ),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="of Ray", show_default="as many as there is room for")
]
GpusPerWorker = Annotated[
    float | None, typer.Option(min=0, help="of Ray", show_default="1 where there are GPUs")
]
CpusPerWorker = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="of Ray, and the threads of a worker; another number changes last bits",
        show_default="the threads of a serial run",
    ),
]
Folder = Annotated[Path, typer.Argument(help="a folder that invert wrote", parser=a_run)]


def invert(
    context: typer.Context,
    inputs: Inputs = None,
    params: ParamsFile = None,
    overrides: Overrides = None,
    space: Space = None,
    loss: Loss = None,
    steps: Steps = None,
    refine: Refine = None,
    lr: Lr = None,
    seed: Seed = None,
    init: Init = None,
    generator: Weights = None,
    out: Out = None,
    device: Device = None,
    align: Align = None,
    face: Face = None,
    keep: Keep = None,
    fresh: Fresh = False,
    keep_interrupted: KeepInterrupted = False,
    shard: ShardOption = None,
    engine: Engine = "serial",
    address: Address = None,
    workers: Workers = None,
    gpus_per_worker: GpusPerWorker = None,
    cpus_per_worker: CpusPerWorker = None,
) -> None:
    """Invert photographs. The same command again keeps what is finished, and does the others.

    `ganinv params` lists all parameters, which --set takes by name.
    """
    if any(item.partition("=")[0].strip() == "images" for item in overrides or ()):
        raise BadArgumentsError("name the images as arguments, not by --set images=…")
    if not inputs and "images" not in (Params.read(params) if params is not None else {}):
        raise BadArgumentsError("name INPUT, images or folders, or a --params file with images")
    options = dict(space=space, loss=loss, steps=steps, refine=refine, lr=lr, seed=seed, init=init)
    options |= dict(generator=generator, out=out, device=device, face=face, keep=keep)
    given = [f"{name}={text}" for name, text in options.items() if text is not None]
    changes = dict(images=inputs or None, align=align)
    settings = Params.load(
        params,
        [*(overrides or ()), *given],
        **{name: value for name, value in changes.items() if value is not None},
    )
    part = None if shard is None else parse_shard(shard)
    pool = dict(address=address, workers=workers, gpus_per_worker=gpus_per_worker)
    pool |= dict(cpus_per_worker=cpus_per_worker)
    asked = {name: value for name, value in pool.items() if value is not None}
    _check_engine(engine, asked, keep_interrupted)
    commands = context.find_root().command.commands  # type: ignore[attr-defined]
    _check(settings, params, commands.keys() & {*(inputs or ())})
    call = dict(fresh=fresh, keep_interrupted=keep_interrupted, only=part)
    run = _run(settings, engine, asked, call | dict(collecting=part is None))
    _summarize(run)
    gathered = f"this was shard {part}; once all are done, ganinv collect {run.out} gathers them"
    tell(f"look at {run.out / INDEX}" if part is None else gathered)
    raise typer.Exit(1 if run.failed else 0)


def _check_engine(engine: str, asked: Mapping[str, Any], keep_interrupted: bool) -> None:
    """Refuse options that the engine does not know."""
    if engine == "serial" and asked:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in asked)
        raise BadArgumentsError(f"{named}: only with --engine ray")
    if engine == "ray" and keep_interrupted:
        raise BadArgumentsError("--keep-interrupted: only with --engine serial, on this machine")


def _run(settings: Params, engine: str, asked: Mapping[str, Any], options: Mapping[str, Any]):
    """Run in this process, or by the workers of a Ray cluster."""
    from ganinv.runs.experiment import run_experiment

    with contextlib.ExitStack() as stack:
        used = None
        if engine == "ray":
            from ganinv.runs.cluster import connected

            used = stack.enter_context(connected(**asked, device=settings.device, say=tell))
        try:
            return run_experiment(settings, engine=used, say=tell, **options)
        except KeyboardInterrupt:
            if not options["keep_interrupted"]:
                tell(
                    "notice: the image at work begins anew the next time; --keep-interrupted would "
                    "keep its best latent so far"
                )
            raise
        except ValueError as error:
            raise BadArgumentsError(error) from None


def _check(settings: Params, params: str | None, commands: Iterable[str]) -> None:
    """Check what a run names, before the seconds that torch takes; `commands` are among that."""
    from ganinv.runs.checks import check_run

    try:
        check_run(settings)
    except GaninvError as error:
        said = str(error)
        meant = "".join(
            f"; of the command {name}, say `ganinv {name}`, or `python -m ganinv {name}`"
            for name in commands
            if said == f"there is no file or folder {name}"
        )
        raise type(error)(f"{said}{_looked_from(params, said)}{meant}") from None


def _looked_from(params: str | None, message: str) -> str:
    """Where the paths of a parameter file were looked for, where one is missing."""
    if params is None or not Path(params).is_file() or "no file" not in message:
        return ""
    return f" (looked for from {Path().resolve()} and from {Path(params).resolve().parent})"


def _summarize(run):
    from ganinv.runs.describe import describe_metrics, describe_seconds

    for name, entry in run.results["images"].items():
        tell(f"{name}: {describe_metrics(entry)}")
    for name, reason in run.failed.items():
        print(printable(f"failed: {name}: {reason}"), file=sys.stderr, flush=True)
    count = len(run.results["images"])
    done = f"{count} image{'s' if count != 1 else ''} in {describe_seconds(run.seconds)}"
    if run.failed:
        done += f", {len(run.failed)} failed"
    tell(f"{done}; results in {run.out}")


def collect(folder: Folder) -> None:
    """Gather metrics.json, metrics.csv and index.html of a run from its records."""
    settings = _read_params(folder)
    from ganinv.runs.overview import show
    from ganinv.runs.records import collect as collect_run

    try:
        metrics = collect_run(folder)
    except ValueError as error:
        raise BadArgumentsError(error) from None
    show(folder, settings, anew=True)
    tell(f"{len(metrics['images'])} finished, {len(metrics['failed'])} failed, in {folder}")


def _read_params(folder: Path) -> Params:
    """The parameters of a run, before the seconds that torch takes."""
    if not folder.is_dir():
        raise BadArgumentsError(f"{folder} holds no run: there is no such folder")
    if not (folder / "params.yaml").is_file():
        raise BadArgumentsError(f"{folder} holds no run (no params.yaml in it)")
    return Params.load(folder / "params.yaml")


def _check_finished(folder: Path) -> None:
    """Check that there is something to verify, before the seconds that torch takes."""
    if any(is_finished(record) for _, record in each_record(folder)):
        return
    try:
        found = read_json(folder / "metrics.json")["images"]
    except (OSError, ValueError, LookupError, TypeError):
        found = {}
    if not found:
        raise BadArgumentsError(f"{folder} holds no finished image to verify")


def verify(
    folder: Folder,
    device: Annotated[str, typer.Option(help=describe("device"))] = "auto",
) -> None:
    """Render a run's latents again and compare the metrics."""
    from ganinv.compute.names import check_device

    try:
        check_device(device)
        _read_params(folder)
        _check_finished(folder)
        from ganinv.runs.verify import verify as verify_run

        complaints = verify_run(folder, device=device, say=tell)
    except ValueError as error:
        raise BadArgumentsError(error) from None
    print("all the same" if not complaints else f"{len(complaints)} not the same")
    raise typer.Exit(1 if complaints else 0)
