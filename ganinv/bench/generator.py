"""`ganinv bench generator`: one forward and backward pass to ws, ours beside plain code.

Every variant runs in a process of its own, one after the other, on the same weights and ws. A step
goes from ws to the gradient of the mean of the squared image.
"""

import contextlib
import functools
import time

import torch

from ganinv.bench.measure import (
    compare,
    describe,
    describe_machine,
    draw_ws,
    fast_renderer,
    in_a_process,
    time_steps,
)
from ganinv.bench.plain import plain_synthesis
from ganinv.compute.compile import WORTH_COMPILING
from ganinv.compute.memory import kept_memory, reset_peak
from ganinv.generators.base import freeze
from ganinv.generators.load import load_generator
from ganinv.generators.stylegan2 import StyleGAN2

CONFIG_F = "config-f"  # StyleGAN2's, with random weights: nothing has to be fetched
# variant -> (precision, compile); None is the plain code
VARIANTS = {
    "plain": None,
    "ours": ("auto", "auto"),
    "ours, float32": ("float32", "off"),
    "ours, float32, compiled": ("float32", "on"),
    "ours, bf16": ("bf16", "off"),
}
SHORT = ("plain", "ours")
PLAIN = dict(precision="float32", compile="off")


def config_f(resolution):
    """StyleGAN2 config-f of a resolution with random weights from a fixed seed."""
    blocks = resolution.bit_length() - 2
    channels = [min(512, 32768 // (4 * 2**i)) for i in range(blocks)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = StyleGAN2(channels=channels)
        for name, parameter in generator.named_parameters():
            if name.endswith("noise_strength"):
                parameter.data.fill_(0.1)
    generator.name = CONFIG_F
    return freeze(generator)


def find_generator(name, resolution, device):
    """config-f of a resolution, or a generator by name or path at its own."""
    return config_f(resolution).to(device) if name == CONFIG_F else load_generator(name, device)


def bench_generator(
    name=CONFIG_F, *, resolution=1024, batch=1, steps=5, device="cpu", variants=SHORT, say=print
):
    """Time the variants; a dict with `machine`, `rows` (one per variant) and `ratios` to plain."""
    rows = []
    for variant in variants:
        say(f"{variant}: measuring …")
        row = in_a_process(variant, _measure, name, resolution, batch, steps, device, variant)
        rows.append(row)
        say(f"{variant}: " + describe(row))
    return dict(machine=describe_machine(device), rows=rows, ratios=_ratios(rows))


def _ratios(rows):
    plain = next((row for row in rows if row["variant"] == "plain"), None)
    if plain is None:
        return []
    return [dict(variant=row["variant"], **compare(row, plain)) for row in rows if row is not plain]


def _measure(name, resolution, batch, steps, device, variant):
    generator = find_generator(name, resolution, device)
    ws = draw_ws(generator, batch)
    started = time.perf_counter()
    reset_peak(device)
    render, how = _renderer(generator, variant, batch)

    def step():
        render(ws.clone().requires_grad_(True)).square().mean().backward()

    # plain code runs as its users run it, with the allocator's own habits
    with contextlib.nullcontext() if variant == "plain" else kept_memory(device):
        timed = time_steps(step, steps, device, started)
    return timed | dict(
        generator=generator.name,
        resolution=generator.resolution,
        batch=batch,
        device=str(generator.device),
        variant=variant,
        **how,
    )


def _renderer(generator, variant, batch):
    if VARIANTS[variant] is None:
        if not isinstance(generator, StyleGAN2):
            raise ValueError("plain code exists for StyleGAN2 only")
        return functools.partial(plain_synthesis, generator), PLAIN
    precision, compiled = VARIANTS[variant]
    return fast_renderer(
        generator, precision=precision, compiled=compiled, steps=WORTH_COMPILING, batch=batch
    )
