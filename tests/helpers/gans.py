"""Trainings of tiny GANs that take seconds."""

from ganinv.analysis.trainings import read_training
from ganinv.training.gan.settings import GanParams
from ganinv.training.gan.train import train_gan

SMALL = dict(
    resolution=16,
    width=2,
    z_dim=4,
    batch=8,
    steps=4,
    save_every=2,
    measure_count=8,
    grid=4,
    log_every=0,
    device="cpu",
    precision="float32",
)


def train_on(images, out):
    """Train four steps on a folder of images; return the path of the generator."""
    params = GanParams.make(SMALL | dict(images=str(images), out=str(out)))
    return train_gan(params, say=lambda text: None)


def train_small(make_photo, folder):
    """Train on a dozen small pictures; return the finished training."""
    for seed in range(12):
        make_photo(folder / "set" / f"{seed}.png", seed=seed)
    train_on(folder / "set", folder / "run")
    return read_training(folder / "run", "GAN <b>")
