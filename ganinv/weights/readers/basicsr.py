"""BasicSR's StyleGAN2 generator, by rosinality's names, from whose code it was made.

The arithmetic is one. The names of layers differ, a layer's noise strength is a weight beside its
convolution, and the blur of layers that enlarge, rosinality's usual one, is no part of the file.
"""

import re
from collections.abc import Mapping

import torch

NAMES = (  # of the beginning of a name: BasicSR's, and rosinality's
    (r"style_mlp\.", "style."),
    (r"constant_input\.weight$", "input.input"),
    (r"style_conv1\.", "conv1."),
    (r"style_convs\.", "convs."),
    (r"noises\.noise(?=\d)", "noises.noise_"),
)
BLUR = (1.0, 3.0, 3.0, 1.0)


def as_rosinality(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename a state of BasicSR's code. Raises ValueError where two weights get one name."""
    found: dict[str, torch.Tensor] = {}
    for name, x in state.items():
        new = _renamed(name)
        if new in found:
            raise ValueError(f"two of its weights are called {new} in rosinality's names")
        found[new] = x
        if re.fullmatch(r"convs\.\d*[02468]\.conv\.weight", new):  # those that enlarge
            found.setdefault(f"{new.removesuffix('weight')}blur.kernel", _blur())
    return found


def _renamed(name: str) -> str:
    for ours, theirs in NAMES:
        name = re.sub(f"^{ours}", theirs, name)
    name = re.sub(r"^(conv1|convs\.\d+)\.weight$", r"\1.noise.weight", name)
    return name.replace(".modulated_conv.", ".conv.")


def _blur() -> torch.Tensor:
    """The kernel (4, 4) as rosinality's enlarging layers keep it: its sum is 4."""
    kernel = torch.tensor(BLUR)
    return 4 * kernel.outer(kernel) / kernel.sum() ** 2
