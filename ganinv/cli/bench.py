"""The command line's benchmarks: ganinv bench step | refine | scale | quality | encoder."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ganinv.cli.shared import Overrides, ParamsFile, a_path
from ganinv.compute.names import check_device
from ganinv.errors import ParamsError
from ganinv.runs.params import Params

app = typer.Typer(no_args_is_help=True, help="Speed, memory and quality, measured.")
FEATURES_AT = [64]  # where a refinement moves them by default
Out = Annotated[Path | None, typer.Option(parser=a_path, help="a JSON file for the figures")]


@app.command("step")
def bench_step(
    generator: Annotated[
        list[str] | None,
        typer.Option(
            help="config-f (random weights), a name, a path; repeatable",
            show_default="ffhq-student, config-f",
        ),
    ] = None,
    loss: Annotated[
        list[str] | None,
        typer.Option(help="l2 or lpips; repeatable", show_default="l2, lpips"),
    ] = None,
    batch: Annotated[
        list[int] | None, typer.Option(min=1, help="repeatable; else 1 and 2, on a GPU 1, 4 and 16")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="timed, after the warm-up")] = 5,
    resolution: Annotated[int, typer.Option(min=32, max=1024, help="of config-f")] = 1024,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    out: Annotated[
        Path | None, typer.Option(parser=a_path, help="a JSON file, written after every pair")
    ] = None,
) -> None:
    """Time one step of a search in W+: ours beside code as the published projectors write it."""
    _check_power_of_two(resolution)
    _check_device(device)
    from ganinv.bench import step as bench
    from ganinv.compute.device import resolve_device

    for name in loss or bench.LOSSES:
        if name not in bench.LOSSES:
            raise ParamsError(f"--loss is {' or '.join(bench.LOSSES)}; got {name!r}")
    result = bench.bench_step(
        generator or bench.GENERATORS,
        loss or bench.LOSSES,
        batch or (),
        steps=steps,
        resolution=resolution,
        device=resolve_device(device),
        out=out,
    )
    for row in result["ratios"]:
        print(
            f"{row['generator']}, {row['loss']}, batch {row['batch']}: {row['speedup']:.1f} times "
            f"as fast as plain, with {row['memory']:.0%} of its memory"
        )
    if out is not None:
        print(out)


@app.command("refine")
def bench_refine(
    generator: Annotated[
        str, typer.Option(help="config-f (random weights), a name or a path")
    ] = "config-f",
    refine_resolution: Annotated[
        list[int], typer.Option(min=4, help="of the features; repeatable")
    ] = FEATURES_AT,
    steps: Annotated[int, typer.Option(min=1, help="timed, after the warm-up")] = 7,
    resolution: Annotated[int, typer.Option(min=32, max=1024, help="of config-f")] = 1024,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    out: Out = None,
) -> None:
    """Time one step of the refinement by features beside one of the search, with their memory."""
    _check_power_of_two(resolution)
    _check_device(device)
    from ganinv.bench import refine as bench
    from ganinv.compute.device import resolve_device

    bench.bench_refine(
        generator,
        refine_resolution,
        steps=steps,
        resolution=resolution,
        device=resolve_device(device),
        out=out,
    )
    if out is not None:
        print(out)


@app.command("scale")
def bench_scale(
    generator: Annotated[str, typer.Option(help="a name or a path")] = "ffhq-student",
    loss: Annotated[Literal["l2", "lpips"], typer.Option()] = "lpips",
    batch: Annotated[
        list[int] | None, typer.Option(min=1, help="repeatable; else 1 and 2, on a GPU 1, 4 and 16")
    ] = None,
    images: Annotated[
        list[int] | None,
        typer.Option(
            min=1, help="how many images a folder holds; repeatable", show_default="1, 2, 4"
        ),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="per image")] = 300,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    records: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            help="instead, the bookkeeping of folders of so many tiny photographs; repeatable",
        ),
    ] = None,
    workers: Annotated[
        list[int] | None,
        typer.Option(min=1, help="with --records, also by so many workers of Ray; repeatable"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(parser=a_path, help="a JSON file, written after every row")
    ] = None,
) -> None:
    """Count images per hour: batches of several sizes, and folders that are really inverted.

    With --records: what listing, recording and gathering that many cost, the files of each --keep,
    the engine, and what a hundred workers and a million photographs would saturate first.
    """
    if records:
        _bench_many(generator, records, workers or [], steps, out)
        return
    if workers:
        raise ParamsError("--workers: only with --records, such as --records 1000")
    counts = images or (1, 2, 4)
    if len(set(counts)) < 2:
        raise ParamsError("--images needs two different numbers or more, to fit a line through")
    _check_device(device)
    from ganinv.bench import scale as bench
    from ganinv.compute.device import resolve_device

    result = bench.bench_scale(
        generator,
        loss=loss,
        batches=batch or (),
        images=counts,
        steps=steps,
        device=resolve_device(device),
        out=out,
    )
    fit = result["fit"]
    print(f"{fit['a']:.1f} s + {fit['b']:.1f} s per image, r2 {fit['r2']:.3f}")
    if out is not None:
        print(out)


def _bench_many(
    generator: str, records: list[int], workers: list[int], steps: int, out: Path | None
) -> None:
    from ganinv.bench.capacity import describe_model
    from ganinv.bench.many import bench_many

    result = bench_many(generator, records=records, workers=workers, steps=steps, out=out)
    for line in describe_model(result["model"]):
        print(line)
    if out is not None:
        print(out)


@app.command("encoder")
def bench_encoder(
    params: ParamsFile = None,
    overrides: Overrides = None,
    against: Annotated[int, typer.Option(min=1, help="steps of the search from mean_w")] = 250,
    out: Out = None,
) -> None:
    """Compare a search from an encoder's codes with a longer one from mean_w."""
    settings = Params.load(params, overrides, log_every=0, snapshot_every=0)
    from ganinv.bench import encoder as bench
    from ganinv.files import write_json

    result = bench.bench_encoder(settings, against=against)
    for line in bench.describe_savings(result):
        print(line)
    if out is not None:
        write_json(out, result)
        print(out)


@app.command("quality")
def bench_quality(
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            help="a file of params/ or params/presets/, NAME+key=value; repeatable; else ours and "
            "two published ones"
        ),
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(help="as for invert; repeatable", show_default="sample:astronaut"),
    ] = None,
    overrides: Overrides = None,
    points: Annotated[int, typer.Option(min=2, help="of each search that are measured")] = 12,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    out: Out = None,
) -> None:
    """Measure quality against evaluations and seconds: our recipes beside published ones."""
    _check_device(device)
    from ganinv.bench import quality as bench

    result = bench.bench_quality(
        recipe or bench.DEFAULT,
        overrides or (),
        points=points,
        device=device,
        out=out,
        images=image or ["sample:astronaut"],
    )
    for row in result["reach"]:
        for found in row["images"]:
            print(bench.describe_reach(row, found))
    if out is not None:
        print(out)


def _check_device(device: str) -> None:
    try:
        check_device(device)
    except ValueError as error:
        raise ParamsError(f"no device {device!r}: {error}") from None


def _check_power_of_two(resolution: int) -> None:
    if resolution & (resolution - 1):
        raise ParamsError(f"--resolution is a power of two; got {resolution}")
