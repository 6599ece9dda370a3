"""ganinv train-encoder | train-gan."""

from ganinv.cli.shared import Device, Fresh, Overrides, ParamsFile, TrainingFolder


def train_encoder(
    params: ParamsFile = None,
    overrides: Overrides = (),
    out: TrainingFolder = None,
    device: Device = None,
    fresh: Fresh = False,
):
    """Train the domain-guided encoder. The same command again goes on where it stopped."""
    from ganinv.training.encoder.settings import EncoderParams

    changes = {key: value for key, value in dict(out=out, device=device).items() if value}
    settings = EncoderParams.load(params, overrides, **changes)
    from ganinv.training.encoder.train import train_encoder as train

    print(train(settings, fresh=fresh))


def train_gan(
    params: ParamsFile = None,
    overrides: Overrides = (),
    out: TrainingFolder = None,
    device: Device = None,
    fresh: Fresh = False,
):
    """Train a small GAN on a folder of images. The same command again goes on where it stopped."""
    from ganinv.training.gan.settings import GanParams

    changes = {key: value for key, value in dict(out=out, device=device).items() if value}
    settings = GanParams.load(params, overrides, **changes)
    from ganinv.training.gan.train import train_gan as train

    print(train(settings, fresh=fresh))
