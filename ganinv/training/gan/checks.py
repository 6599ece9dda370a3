"""What a GAN's training checks of its parameters at once, before torch is imported."""

from pathlib import Path

from ganinv.training.checks import LPIPS, check_apart
from ganinv.training.folder import Kind, check_folder, check_free
from ganinv.training.gan.settings import GanParams
from ganinv.training.sets.image_sets import check_set
from ganinv.training.sets.names import GENERATOR, is_faces
from ganinv.weights.find import ensure

GAN = Kind(
    name="gan",
    params=GanParams,
    own="critic_steps",
    free=frozenset({"out", "log_every", "device", "steps", "patience"}),
    hashed=frozenset({"images"}),
    publishes=("generator.safetensors", "card.json"),
)


def check_gan(params: GanParams, *, fresh: bool = False) -> None:
    """Check everything that a training is given and that is cheap to check.

    Raises ParamsError for images that are not there and an `out` that cannot be used, WeightsError
    for weights that are not here, InUseError where another training is at work in `out`.
    """
    check_set(params.images, params.resolution)
    check_gan_folder(params, fresh=fresh)
    if is_faces(params.images):
        ensure(GENERATOR)


def check_gan_folder(params: GanParams, *, fresh: bool = False) -> None:
    """Check all but the set of images itself, as `check_gan` does."""
    check_free(params.out)
    if Path(params.images).is_dir():
        check_apart("images", params.images, params.out)
    check_folder(params, GAN, fresh=fresh)
    if params.measure_count:
        ensure(LPIPS)
