"""ganinv train-encoder | train-gan: by one process, or by several that torchrun begins."""

import functools
from typing import Annotated, TypeVar

import typer

from ganinv.cli.shared import Fresh, Overrides, ParamsFile
from ganinv.compute.processes import joined, told_once
from ganinv.training.settings import TrainingParams

Model = TypeVar("Model", bound=TrainingParams)


def _describe(name):
    """The description of a training's parameter, which is its option's help text."""
    return TrainingParams.model_fields[name].description


Folder = Annotated[str | None, typer.Option("--out", help=_describe("out"))]
Device = Annotated[str | None, typer.Option(help=_describe("device"))]
Publish = Annotated[
    bool,
    typer.Option(
        "--publish",
        help="put the encoder and its card where the manifest names domain-ffhq; print its sha256",
    ),
]


def train_encoder(
    params: ParamsFile = None,
    overrides: Overrides = None,
    out: Folder = None,
    device: Device = None,
    fresh: Fresh = False,
    publish: Publish = False,
) -> None:
    """Train the domain-guided encoder. The same command again goes on where it stopped."""
    from ganinv.training.encoder.checks import check_encoder, check_publishing
    from ganinv.training.encoder.settings import EncoderParams

    settings = _settings(EncoderParams, params, overrides, out, device)

    def check() -> None:
        check_encoder(settings, fresh=fresh)
        if publish:
            check_publishing()

    with joined(settings.device, check) as processes:  # before the seconds that torch takes
        from ganinv.training.encoder.train import train_encoder as train

        path = train(settings, fresh=fresh, processes=processes)
    if not processes.is_first:
        return
    print(path)
    if publish:
        from ganinv.training.encoder.publish import publish as publish_encoder

        print(publish_encoder(path.parent))


def train_gan(
    params: ParamsFile = None,
    overrides: Overrides = None,
    out: Folder = None,
    device: Device = None,
    fresh: Fresh = False,
) -> None:
    """Train a small GAN on a folder of images. The same command again goes on where it stopped."""
    from ganinv.training.gan.checks import check_gan
    from ganinv.training.gan.settings import GanParams

    settings = _settings(GanParams, params, overrides, out, device)
    check = functools.partial(check_gan, settings, fresh=fresh)
    with joined(settings.device, check) as processes:  # before the seconds that torch takes
        from ganinv.training.gan.train import train_gan as train

        path = train(settings, fresh=fresh, processes=processes)
    if processes.is_first:
        print(path)


def _settings(
    model: type[Model],
    params: str | None,
    overrides: list[str] | None,
    out: str | None,
    device: str | None,
) -> Model:
    """The parameters of a training: a file's, changed by --set, then by --out and --device."""
    given = dict(out=out, device=device)
    changes = {key: value for key, value in given.items() if value is not None}
    with told_once():
        return model.load(params, overrides, **changes)
