"""ganinv train-encoder | train-gan."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from ganinv.cli.shared import Device, Fresh, Overrides, ParamsFile, TrainingFolder

if TYPE_CHECKING:
    from ganinv.training.settings import TrainingParams

Model = TypeVar("Model", bound="TrainingParams")
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
    out: TrainingFolder = None,
    device: Device = None,
    fresh: Fresh = False,
    publish: Publish = False,
) -> None:
    """Train the domain-guided encoder. The same command again goes on where it stopped."""
    from ganinv.training.encoder.settings import EncoderParams

    settings = _settings(EncoderParams, params, overrides, out, device)
    from ganinv.training.encoder.train import train_encoder as train

    path = train(settings, fresh=fresh)
    print(path)
    if publish:
        from ganinv.training.encoder.publish import publish as publish_encoder

        print(publish_encoder(path.parent))


def train_gan(
    params: ParamsFile = None,
    overrides: Overrides = None,
    out: TrainingFolder = None,
    device: Device = None,
    fresh: Fresh = False,
) -> None:
    """Train a small GAN on a folder of images. The same command again goes on where it stopped."""
    from ganinv.training.gan.settings import GanParams

    settings = _settings(GanParams, params, overrides, out, device)
    from ganinv.training.gan.train import train_gan as train

    print(train(settings, fresh=fresh))


def _settings(
    model: type[Model],
    params: Path | None,
    overrides: list[str] | None,
    out: str | None,
    device: str | None,
) -> Model:
    """The parameters of a training: a file's, changed by --set, then by --out and --device."""
    changes = {key: value for key, value in dict(out=out, device=device).items() if value}
    return model.load(params, overrides, **changes)
