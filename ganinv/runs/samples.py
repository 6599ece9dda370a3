"""The sample photographs: data/samples.yaml says where each comes from, data/samples/ holds them.

One is a control: drawn from the generator, so that the latent that renders it is known.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict

from ganinv.errors import UnknownNameError, WeightsError
from ganinv.files import atomic_path, write_bytes
from ganinv.generators.load import load_generator
from ganinv.images.pixels import to_pil
from ganinv.inversion.latent_files import save_latent
from ganinv.params import unknown_name
from ganinv.paths import data_folder, samples_folder
from ganinv.weights.fetch import bring
from ganinv.weights.manifest import Source, read_entries


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

    @property
    def path(self) -> Path:
        """Where it lies, once fetched."""
        return samples_folder() / self.file

    @property
    def latent_path(self) -> Path:
        """Where the control's latent lies."""
        return self.path.with_suffix(".latent.safetensors")


def load_samples() -> dict[str, Sample]:
    """Read data/samples.yaml: a dict of name -> Sample."""
    path = data_folder() / "samples.yaml"
    return read_entries(path, Sample, "a valid list of samples")


def find_sample(name: str) -> Sample:
    """Return a sample that has been fetched. Raises WeightsError, with what to do, else."""
    samples = load_samples()
    if name not in samples:
        raise UnknownNameError(unknown_name(name, samples, "sample"))
    if not samples[name].path.is_file():
        raise WeightsError(f"the sample {name} is not here yet; run `ganinv data fetch`")
    return samples[name]


def photographs() -> list[str]:
    """Return the names of the samples that are photographs, the control aside."""
    return [name for name, sample in load_samples().items() if not sample.drawn]


def fetch_samples(say: Callable[[str], None] = print) -> None:
    """Bring every sample that is not here yet."""
    for name, sample in load_samples().items():
        if sample.path.is_file():
            continue
        if sample.drawn:
            draw(sample, sample.drawn)
        else:
            _bring(name, sample, say)
        say(f"sample {name}: {sample.path}")


def _bring(name, sample, say):
    with tempfile.TemporaryDirectory() as work:
        _, files = bring(name, sample.sources, Path(work), say)
    (data,) = files.values()
    write_bytes(sample.path, data.read_bytes() if isinstance(data, Path) else data)


@torch.no_grad()
def draw(sample: Sample, drawn: Drawn) -> None:
    """Render the control and keep its latent beside it."""
    generator = load_generator(drawn.generator)
    rng = torch.Generator().manual_seed(drawn.seed)
    z = torch.randn(1, generator.z_dim, generator=rng)
    ws = generator.mapping(z, truncation=drawn.truncation)  # (1, num_ws, w_dim)
    image = generator.synthesis(ws)[0]
    save_latent(sample.latent_path, ws[0], generator)
    with atomic_path(sample.path) as path:
        to_pil(image).save(path)
