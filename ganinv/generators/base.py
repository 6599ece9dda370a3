"""The protocol every generator meets: latent -> image, frozen, with W's mean and spread attached.

All rooms above read layer counts, widths and resolutions from these attributes and never from a
constant.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from torch import nn

NOISE_MODES = ("const", "random", "none")
Noise = str | dict[str, torch.Tensor]  # a mode, or maps by layer
Offsets = dict[int, torch.Tensor]  # by resolution, each (1 or N, C, r, r)


class Flow(NamedTuple):
    """What passes from one level of a synthesis network to the next.

    `features` are (N, C, r, r), r being the level's resolution; `image` is the image so far,
    (N, 3, r, r), where a network sums images of its levels, else None.
    """

    features: torch.Tensor
    image: torch.Tensor | None = None


class Generator(nn.Module):
    """Base of all generators.

    Attributes: `name`; `file`, the weight file that was named (None when built in memory), and its
    `sha256` ("" then); `resolution` in pixels; `styled`, whether it has style inputs, hence W and
    W+ (else its only latent is z); `z_dim`; `c_dim`, the width of labels; `w_dim`; `num_ws`, the
    number of style inputs; buffers `w_avg` (w_dim,), the mean of W, and `w_std` (), the root of the
    mean squared distance to it.

    Subclasses implement `mapping` and the parts of `synthesis`: `enter`, `level` and `leave`. A
    level is what computes at one resolution; the first is at 4 pixels, each further one at twice
    those before. Inputs and outputs are on the module's device, float32; images are (N, 3, H, W) in
    about [-1, 1], not clamped.
    """

    name: str = ""
    file: Path | None = None
    sha256: str = ""
    styled: bool = True  # has style inputs, hence W and W+; else its only latent is z
    c_dim: int = 0  # the number of class labels
    # the names of modules that `mapping` takes, not `synthesis`
    mapping_parts: tuple[str, ...] = ()
    w_avg: torch.Tensor
    w_std: torch.Tensor

    def __init__(self, *, resolution: int, z_dim: int, w_dim: int, num_ws: int) -> None:
        super().__init__()
        self.resolution, self.z_dim, self.w_dim, self.num_ws = resolution, z_dim, w_dim, num_ws
        self.register_buffer("w_avg", torch.zeros(w_dim))
        self.register_buffer("w_std", torch.ones(()))

    @property
    def teacher_rows(self) -> list[int] | None:
        """Of a student: for each of its rows, the row of its teacher's W+."""
        return None

    def mapping(
        self, z: torch.Tensor, c: torch.Tensor | None = None, truncation: float = 1.0
    ) -> torch.Tensor:
        """Map z (N, z_dim), and labels c where the model has them, to ws (N, num_ws, w_dim)."""
        raise NotImplementedError

    def synthesis(
        self, ws: torch.Tensor, noise: Noise = "const", features: Offsets | None = None
    ) -> torch.Tensor:
        """Render ws (N, num_ws, w_dim) to images (N, 3, resolution, resolution).

        `noise` is "const" (the stored maps), "random" (drawn anew), "none", or maps in the form
        of `noise_maps`, each (1 or N, 1, H, W), through which gradients flow. `features` are
        offsets {r: (1 or N, C, r, r)} in the form of `feature_shapes`, added to what leaves the
        level at that resolution; gradients flow through them too. Raises ValueError for what does
        not fit.
        """
        self.check_ws(ws)
        maps, offsets = self.noise_for(noise, len(ws)), self._offsets(features, len(ws))
        flow = self._run(self.enter(ws), range(self.levels), ws, maps, offsets)
        return self.leave(flow, ws)

    def head(self, ws: torch.Tensor, resolution: int, noise: Noise = "const") -> Flow:
        """Compute the levels up to that at `resolution`, of `feature_shapes`: what leaves it."""
        self.check_ws(ws)
        self._check_resolution(resolution)
        levels = range(_level_at(resolution) + 1)
        return self._run(self.enter(ws), levels, ws, self.noise_for(noise, len(ws)), {})

    def tail(
        self,
        flow: Flow,
        ws: torch.Tensor,
        resolution: int,
        noise: Noise = "const",
        features: Offsets | None = None,
    ) -> torch.Tensor:
        """Render images from what left the level at `resolution`, as `head` gives it.

        `tail(head(ws, r), ws, r, features=…)` is `synthesis(ws, features=…)`; `features` are those
        at `resolution` and above.
        """
        self.check_ws(ws)
        self._check_resolution(resolution)
        offsets = self._offsets(features, len(ws))
        if below := [r for r in offsets if r < resolution]:
            raise ValueError(
                f"features at {below[0]} lie below the tail, which starts at {resolution}"
            )
        flow = _moved(flow, offsets.get(resolution))
        levels = range(_level_at(resolution) + 1, self.levels)
        flow = self._run(flow, levels, ws, self.noise_for(noise, len(ws)), offsets)
        return self.leave(flow, ws)

    def _run(
        self,
        flow: Flow,
        levels: Iterable[int],
        ws: torch.Tensor,
        maps: list[torch.Tensor | None],
        offsets: Offsets,
    ) -> Flow:
        for index in levels:
            flow = _moved(self.level(index, flow, ws, maps), offsets.get(4 << index))
        return flow

    @property
    def levels(self) -> int:
        """The number of levels; the last may be at the image's resolution or at half of it."""
        return len(self.feature_shapes())

    def feature_shapes(self) -> dict[int, tuple[int, int, int]]:
        """Say what features a level hands on, by its resolution: {r: (C, r, r)}, smallest first.

        A level whose features nothing reads but its own image head hands none on.
        """
        raise NotImplementedError

    def enter(self, ws: torch.Tensor) -> Flow:
        """Make what the first level takes, for ws (N, num_ws, w_dim)."""
        raise NotImplementedError

    def level(
        self, index: int, flow: Flow, ws: torch.Tensor, maps: list[torch.Tensor | None]
    ) -> Flow:
        """Compute a level, 0 being the first; `maps` are the noise of all layers."""
        raise NotImplementedError

    def leave(self, flow: Flow, ws: torch.Tensor) -> torch.Tensor:
        """Make images (N, 3, resolution, resolution) of what leaves the last level."""
        raise NotImplementedError

    def synthesis_parameters(self) -> dict[str, nn.Parameter]:
        """Give the weights that `synthesis` renders by, those of `mapping` left out: {name: it}."""
        mapping = tuple(f"{part}." for part in self.mapping_parts)
        return {name: p for name, p in self.named_parameters() if not name.startswith(mapping)}

    def _check_resolution(self, resolution: int) -> None:
        if resolution not in self.feature_shapes():
            offered = ", ".join(map(str, self.feature_shapes()))
            named = self.name or "this generator"
            raise ValueError(f"{named} has no features at {resolution!r}; there are {offered}")

    def _offsets(self, features: Offsets | None, count: int) -> Offsets:
        """Return the offsets, {} for None. Raises ValueError for those that do not fit."""
        shapes = self.feature_shapes() if features else {}
        for resolution, offset in (features or {}).items():
            self._check_resolution(resolution)
            shape = shapes[resolution]
            if tuple(offset.shape) not in ((1, *shape), (count, *shape)):
                raise ValueError(
                    f"the features at {resolution} are {tuple(offset.shape)}, not {(1, *shape)}"
                )
        return features or {}

    def check_labels(self, c: torch.Tensor | None) -> None:
        """Raise ValueError unless labels are given exactly where the generator has classes."""
        if (c is None) != (self.c_dim == 0):
            raise ValueError(
                f"this generator needs labels c (N, {self.c_dim})"
                if self.c_dim
                else "this generator has no class labels; leave c out"
            )

    def check_ws(self, ws: torch.Tensor) -> None:
        """Raise ValueError unless ws is (N, num_ws, w_dim)."""
        if ws.ndim != 3 or ws.shape[1:] != (self.num_ws, self.w_dim):
            wanted = f"(N, {self.num_ws}, {self.w_dim})"
            raise ValueError(f"ws is {tuple(ws.shape)}; this generator takes {wanted}")

    def style_matrices(self) -> list[list[torch.Tensor]]:
        """List for each row of ws the matrices (C, w_dim) to its styles; [] without any."""
        return []

    def noise_maps(self) -> dict[str, torch.Tensor]:
        """Give the stored noise by its layer: {name: (1, 1, H, W)}, in their order."""
        stored = self.named_buffers()
        return {name.removesuffix(".noise"): x for name, x in stored if name.endswith(".noise")}

    def noise_for(self, noise: Noise, count: int) -> list[torch.Tensor | None]:
        """Give one map (1 or `count`, 1, H, W) per layer, or None for each: what is added.

        Raises ValueError for maps that do not fit and for another mode.
        """
        stored = self.noise_maps()
        if isinstance(noise, dict):
            return _check_maps(noise, stored, count)
        if noise not in NOISE_MODES:
            raise ValueError(f"noise must be maps or {', '.join(NOISE_MODES)}; got {noise!r}")
        if noise == "none":
            return [None] * len(stored)
        if noise == "const":
            return list(stored.values())
        return [
            torch.randn_like(x.expand(count, -1, -1, -1)) * self.noise_scale(x)
            for x in stored.values()
        ]

    def noise_scale(self, stored: torch.Tensor) -> float | torch.Tensor:
        """Say what multiplies a normal map to make it like a stored one: a number or ()."""
        return 1.0

    def random_labels(self, count: int, rng: torch.Generator) -> torch.Tensor | None:
        """Draw labels for `count` draws of z, one-hot (count, c_dim), or None without classes."""
        if not self.c_dim:
            return None
        drawn = torch.randint(self.c_dim, (count,), generator=rng)
        return torch.eye(self.c_dim)[drawn].to(self.w_avg)

    @torch.no_grad()
    def draw(self, rng: torch.Generator, truncation: float = 1.0) -> torch.Tensor:
        """Draw z, and a label where there are classes, and map it: ws (num_ws, w_dim)."""
        z = torch.randn(1, self.z_dim, generator=rng).to(self.device)
        return self.mapping(z, self.random_labels(1, rng), truncation)[0]

    def prepare(self) -> None:
        """Compute anew what follows from the weights; called whenever they were loaded."""

    @property
    def device(self) -> torch.device:
        """The device its weights are on."""
        return self.w_avg.device

    def broadcast(self, w: torch.Tensor, truncation: float = 1.0) -> torch.Tensor:
        """Repeat w (N, w_dim) for every style input: (N, num_ws, w_dim), pulled to w_avg.

        w_avg + truncation * (w - w_avg), the truncation trick of StyleGAN (arXiv 1812.04948, B).
        """
        if truncation != 1.0:
            w = torch.lerp(self.w_avg, w, truncation)
        return w[:, None].expand(-1, self.num_ws, -1)  # (N, num_ws, w_dim)


Network = TypeVar("Network", bound=Generator)


def freeze(generator: Network) -> Network:
    """Put a generator into the state inversion expects: eval mode, no gradients to weights."""
    generator.prepare()
    return generator.eval().requires_grad_(False)


@torch.no_grad()
def measure_w(
    generator: Generator,
    samples: int = 10_000,
    seed: int = 0,
    w_avg: torch.Tensor | None = None,
) -> None:
    """Set `w_avg` and `w_std` from `samples` draws of z, and of labels, with a fixed seed.

    A `w_avg` (w_dim,) that is given is kept, and the spread is taken around it. Computed in
    float64 and rounded once, so that machines agree.
    """
    rng = torch.Generator().manual_seed(seed)
    z = torch.randn(samples, generator.z_dim, generator=rng)
    generator.double()
    parts = z.double().split(1000)
    drawn = [(part, generator.random_labels(len(part), rng)) for part in parts]
    w = torch.cat([generator.mapping(z, c)[:, 0] for z, c in drawn])  # (samples, w_dim)
    w_avg = w.mean(0) if w_avg is None else w_avg.double()
    w_std = math.sqrt((w - w_avg).square().sum(1).mean())
    generator.float()
    generator.w_avg.copy_(w_avg)
    generator.w_std.fill_(w_std)


def _moved(flow, offset):
    """What leaves a level, with an offset to its features, or None."""
    if offset is None:
        return flow
    return flow._replace(features=flow.features + offset.to(flow.features.dtype))


def _level_at(resolution):
    return resolution.bit_length() - 3  # 4 is level 0


def _check_maps(given, stored, count):
    if given.keys() != stored.keys():
        raise ValueError(f"noise needs one map for each of {', '.join(stored)}")
    for name, x in stored.items():
        got = tuple(given[name].shape)
        if got not in (tuple(x.shape), (count, *x.shape[1:])):
            raise ValueError(f"the noise map {name} is {got}, not {tuple(x.shape)}")
    return [given[name] for name in stored]
