"""Tiny searches whose numbers are kept, to notice a change of numerics.

    PYTHONPATH=tests python -m helpers.numerics

records them anew. Do that with, and only with, a raised `ganinv.numerics.NUMERICS`.
"""

import hashlib
import json
import math
import platform
from pathlib import Path

import torch

import ganinv
from ganinv.numerics import NUMERICS

DATA = Path(__file__).parent.parent / "data"
KEPT = DATA / "numerics.json"
SEARCHES = {
    "W, L2": dict(space="w", loss="l2", coordinates="w", lr=0.05),
    "W+, LPIPS along style axes": dict(loss="lpips", coordinates="style", lr=0.1),
    "W+, weighted sum, noise": dict(
        loss={"l2": 1.0, "lpips_alex": 0.5, "vgg": 1e-5},
        coordinates="w",
        lr=0.05,
        noise_maps="optimized",
        noise_injection=0.05,
    ),
    "W, L-BFGS from a random start": dict(
        space="w", loss="l2", optimizer="lbfgs", lr=1.0, init="random"
    ),
}


def machine() -> dict:
    """What decides the last bits of a sum: torch's version and the processor's instructions."""
    flags = getattr(torch.cpu, "get_capabilities", dict)()
    return {
        "torch": torch.__version__,
        "processor": platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "flags": sorted(name for name, there in flags.items() if there is True),
    }


def run_all() -> dict:
    """Run every search on one thread: {name: losses, metrics, a hash of the latent's bytes}."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        generator = ganinv.load_generator(DATA / "nvidia_64.pkl")
        rng = torch.Generator().manual_seed(5)
        with torch.no_grad():
            ws = generator.mapping(torch.randn(1, generator.z_dim, generator=rng))
            target = (generator.synthesis(ws)[0] * 0.8).clamp(-1, 1)  # it leaves [-1, 1] far
        return {name: _run(generator, target, changes) for name, changes in SEARCHES.items()}
    finally:
        torch.set_num_threads(threads)


def _run(generator, target, changes):
    quick = dict(steps=6, loss_resolution=32, precision="float32", compile="off", log_every=0)
    run = ganinv.invert(generator, target, **(quick | changes))
    return {
        "losses": [row["loss"] for row in run.history],
        "metrics": {name: x for name, x in run.metrics.items() if math.isfinite(x)},
        "latent": hashlib.sha256(run.latent.contiguous().numpy().tobytes()).hexdigest(),
    }


if __name__ == "__main__":
    record = {"numerics": NUMERICS, "machine": machine(), "searches": run_all()}
    KEPT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(KEPT)
