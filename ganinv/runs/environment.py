"""What a figure depends on: versions, device, commit, weights."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, Protocol

import torch

import ganinv
from ganinv.errors import WeightsError
from ganinv.paths import project_root

PACKAGES = (
    "torch",
    "torchvision",
    "lpips",
    "scikit-image",
    "numpy",
    "pillow",
    "matplotlib",
    "safetensors",
    "dlib-bin",
)


class Settled(Protocol):
    """Parameters that say on which device, and with what seed."""

    @property
    def device(self) -> str:
        """The device, resolved."""

    @property
    def seed(self) -> int:
        """The seed of all random draws."""


def environment(params: Settled, weights: dict[str, str]) -> dict[str, Any]:
    """Gather versions, device, commit, weight hashes and seed: what a figure depends on."""
    return {
        "ganinv": ganinv.__version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "device": params.device,
        "device_name": device_name(params.device),
        "threads": torch.get_num_threads(),
        "commit": commit(),
        "weights": weights,
        "seed": params.seed,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
    }


def _version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def device_name(device: str) -> str:
    """Return the processor's own name."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    capabilities: dict = getattr(torch.cpu, "get_capabilities", dict)()
    name = capabilities.get("cpu_name")
    return f"{name or platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def commit() -> str | None:
    """Return the checkout's commit, "+" behind it where files were changed; None outside git."""
    try:
        root = project_root()
        head = _git(root, "rev-parse", "HEAD")
        return head + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError, WeightsError):
        return None


def _git(root, *words):
    done = subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()
