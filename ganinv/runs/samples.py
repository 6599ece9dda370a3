"""The sample photographs: data/samples.yaml says where each comes from, data/samples/ holds them.

Some are tracked: files of the repository below data/, which an installed package brings. One is a
control: drawn from the generator, so that the latent that renders it is known. Torch is imported to
draw it and for nothing else here: a wrong name is told at once.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

from ganinv.errors import UnknownNameError, WeightsError
from ganinv.files import atomic_path, write_bytes
from ganinv.params import unknown_name
from ganinv.paths import clone, is_in_clone, lists_folder, samples_folder, writable
from ganinv.weights.fetch import bring
from ganinv.weights.first_use import announce, fetching_alone, tell
from ganinv.weights.manifest import Source, effort, read_entries


class Drawn(BaseModel):
    """How the control is made: a generator, a seed for z, a truncation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    generator: str
    seed: int
    truncation: float


class Sample(BaseModel):
    """One entry of data/samples.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    about: str
    licence: str
    file: str
    sources: list[Source] = []
    drawn: Drawn | None = None
    tracked: str | None = None  # the SHA-256 of a file of the repository

    @model_validator(mode="after")
    def _one_origin(self):
        if sum(map(bool, (self.sources, self.drawn, self.tracked))) != 1:
            raise ValueError("a sample has exactly one of sources, drawn, tracked")
        return self

    @property
    def path(self) -> Path:
        """Where it lies, once fetched."""
        return (lists_folder() if self.tracked else samples_folder()) / self.file

    @property
    def latent_path(self) -> Path:
        """Where the control's latent lies."""
        return self.path.with_suffix(".latent.safetensors")


def load_samples() -> dict[str, Sample]:
    """Read data/samples.yaml: a dict of name -> Sample."""
    path = lists_folder() / "samples.yaml"
    return read_entries(path, Sample, "a valid list of samples")


def find_sample(name: str) -> Sample:
    """Return a sample that is here.

    One that is not here is fetched, with a notice on stderr, where ganinv is installed or
    GANINV_HOME is set. A clone downloads by command alone: there it raises WeightsError with
    that command, as for one that cannot be had.
    """
    samples = load_samples()
    if name not in samples:  # to the letter: it is the image's id, and seeds it
        raise UnknownNameError(unknown_name(name, samples, "sample"))
    sample = samples[name]
    if not sample.path.is_file():
        _check_tracked(name, sample)
        if is_in_clone():
            raise WeightsError(f"the sample {name} is not here yet; run `ganinv data fetch`")
        how = effort(sample.sources[0]) if sample.sources else "drawn by its generator"
        announce(f"sample:{name}", how, sample.licence, samples_folder())
        fetch_sample(name, tell)
    return sample


def photographs() -> list[str]:
    """Return the names of the samples that are photographs, the control aside."""
    return [name for name, sample in load_samples().items() if not sample.drawn]


def fetch_samples(say: Callable[[str], None] = print) -> None:
    """Bring every sample that is not here yet."""
    for name in load_samples():
        fetch_sample(name, say)


def fetch_sample(name: str, say: Callable[[str], None] = print) -> None:
    """Bring a sample where it is not here yet: fetched, or drawn by its generator."""
    sample = load_samples()[name]
    if sample.path.is_file():
        return
    _check_tracked(name, sample)
    writable(samples_folder())
    with fetching_alone(say):
        if sample.path.is_file():  # another process has brought it meanwhile
            return
        if sample.drawn:
            draw(sample, sample.drawn)
        else:
            _bring(name, sample, say)
    say(f"sample {name}: {sample.path}")


def _check_tracked(name, sample):
    """Raise WeightsError for a sample that is not here and that is fetched from nowhere."""
    if sample.tracked:
        way = f"`git checkout -- data/{sample.file}` brings it back"
        raise WeightsError(
            f"the sample {name} is part of the repository and not fetched; "
            + (way if clone() else "install ganinv again to bring it back")
        )


def _bring(name, sample, say):
    with tempfile.TemporaryDirectory() as work:
        _, files = bring(name, sample.sources, Path(work), say)
    (data,) = files.values()
    write_bytes(sample.path, data.read_bytes() if isinstance(data, Path) else data)


def draw(sample: Sample, drawn: Drawn) -> None:
    """Render the control and keep its latent beside it."""
    import torch

    from ganinv.generators.load import load_generator
    from ganinv.images.pixels import to_pil
    from ganinv.inversion.latent_files import save_latent

    generator = load_generator(drawn.generator)
    rng = torch.Generator().manual_seed(drawn.seed)
    with torch.no_grad():
        z = torch.randn(1, generator.z_dim, generator=rng)
        ws = generator.mapping(z, truncation=drawn.truncation)  # (1, num_ws, w_dim)
        image = generator.synthesis(ws)[0]
    save_latent(sample.latent_path, ws[0], generator)
    with atomic_path(sample.path) as path:
        to_pil(image).save(path)
