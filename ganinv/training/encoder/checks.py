"""What an encoder's training checks of its parameters at once, before torch is imported."""

from pathlib import Path

from ganinv.errors import ParamsError, WeightsError
from ganinv.paths import clone
from ganinv.training.checks import LPIPS, check_apart, check_images
from ganinv.training.encoder.settings import EncoderParams
from ganinv.training.folder import Kind, check_folder, check_free
from ganinv.weights.find import ensure, find_file

PUBLISHED = "domain-ffhq"  # the manifest's name for the encoder that a clone brings
ENCODER = Kind(
    name="encoder",
    params=EncoderParams,
    own="photograph_share",
    free=frozenset({"out", "log_every", "device"}),
    hashed=frozenset({"generator", "start"}),
    publishes=("encoder.safetensors", "card.json"),
)


def check_publishing(name: str = PUBLISHED) -> None:
    """Raise WeightsError where there is no clone that an encoder could be published into."""
    if clone() is None:
        raise WeightsError(
            f"publishing writes {name} into a clone of ganinv, and this one is installed: use the "
            "encoder by its path, or publish it from a clone"
        )


def check_encoder(params: EncoderParams, *, fresh: bool = False) -> None:
    """Check everything that a training is given and that is cheap to check.

    Raises ParamsError for photographs that are not there and an `out` that cannot be used,
    WeightsError for weights that are not here, InUseError where another training is at work in
    `out`.
    """
    check_free(params.out)
    if params.photographs is not None:
        check_images("photographs", *params.photographs)
        for source in params.photographs:
            check_apart("photographs", source, params.out)
    if params.start is not None:
        published = [(Path(params.out) / name).resolve() for name in ENCODER.publishes]
        if Path(params.start).resolve() in published:
            raise ParamsError(
                f"start: {params.start} is what a training into {params.out} overwrites; name "
                "another folder by --out"
            )
    check_folder(params, ENCODER, fresh=fresh)
    for name in (params.start, params.generator):  # last: outside a clone, they may be fetched
        if name is not None:
            find_file(name)
    ensure(LPIPS)
