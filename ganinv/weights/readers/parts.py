"""A network as a reader gives it: in our names, ready to be written to a file of ours."""

from dataclasses import dataclass
from typing import Any

import torch

LICENCES = {
    "nvidia": "not stated in the file; NVIDIA's own weights are for non-commercial use",
    "tensorflow": "not stated in the file; NVIDIA's own weights are for non-commercial use",
}


@dataclass(frozen=True)
class Network:
    """What a file of ours holds: the class's name in our tables, its arguments, its tensors."""

    architecture: str
    config: dict[str, Any]
    tensors: dict[str, torch.Tensor]

    def describe(self) -> dict[str, Any]:
        """Say what the description file says, the source aside."""
        return dict(architecture=self.architecture, config=self.config)


@dataclass(frozen=True)
class Part(Network):
    """One network of a checkpoint: what `load_generator` or `load_encoder` reads.

    `kind` is "generator" or "encoder", `format` the checkpoint's, `facts` the sizes to be told.
    """

    kind: str
    format: str
    facts: dict[str, Any]

    def describe(self) -> dict[str, Any]:
        """Say what the description file says, the source aside."""
        about = dict(kind=self.kind, format=self.format, architecture=self.architecture)
        licence = LICENCES.get(self.format, "not stated in the file")
        return about | self.facts | dict(config=self.config, licence=licence)
