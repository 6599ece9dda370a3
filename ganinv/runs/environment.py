"""The environment of a result: versions, device, commit, weights."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import torch

import ganinv
from ganinv.errors import WeightsError
from ganinv.files import read_json
from ganinv.numerics import NUMERICS
from ganinv.paths import MANIFEST, clone

PACKAGES = (
    "torch",
    "torchvision",
    "lpips",
    "torchmetrics",
    "scikit-image",
    "numpy",
    "pillow",
    "matplotlib",
    "safetensors",
    "dlib-bin",
)


COMMAND = "command"  # of the environment: it names folders of the machine


class Computed(Protocol):
    """Parameters of a run or a training, their device resolved."""

    @property
    def device(self) -> str: ...

    @property
    def seed(self) -> int: ...


def environment(params: Computed, weights: Mapping[str, str]) -> dict[str, Any]:
    """Gather versions, device, commit, weight hashes and seed: what a figure depends on."""
    machine = describe_machine(params.device)
    on_gpu = torch.device(params.device).type == "cuda"
    cores = "" if on_gpu else f", {machine['cores']} cores"
    return {
        "ganinv": ganinv.__version__,
        "python": machine["python"],
        "packages": {name: _version(name) for name in PACKAGES},
        "platform": machine["system"],
        "device": params.device,
        "device_name": machine["device"] + cores,
        "threads": machine["threads"],
        "commit": machine["commit"],
        "numerics": NUMERICS,
        "weights": weights,
        "seed": params.seed,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        COMMAND: sys.argv,
    }


def published_environment(folder: str | Path) -> dict[str, Any]:
    """Read a run's environment.json, less what names folders; {} where the run has none."""
    path = Path(folder) / "environment.json"
    about = read_json(path) if path.is_file() else {}
    return {name: value for name, value in about.items() if name != COMMAND}


def _version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def describe_machine(device: str) -> dict[str, Any]:
    """Name what computes: device, cores, threads, versions, commit and numerics."""
    on_gpu = torch.device(device).type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if on_gpu else _processor(),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": commit(),
        "numerics": NUMERICS,
        "system": platform.platform(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _processor():
    """The processor's own name, which torch or Linux knows where Python's `platform` does not."""
    if name := getattr(torch.cpu, "get_capabilities", dict)().get("cpu_name"):
        return name
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(s.partition(":")[2].strip() for s in lines if s.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def commit() -> str | None:
    """Return the clone's commit, "+" behind it where files were changed; None where unknown.

    Of a package that pip installed from git (`git+…`) it is the commit that pip noted.
    """
    try:
        root = clone()
        if root is None:
            return _noted_commit()
        # a clone's files may lie, untracked, in another project's repository
        _git(root, "ls-files", "--error-unmatch", MANIFEST.as_posix())
        head = _git(root, "rev-parse", "HEAD")
        return head + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError, WeightsError):
        return None


def _noted_commit():
    """The commit in pip's note on where the package came from, None without one."""
    try:
        noted = json.loads(metadata.distribution("ganinv").read_text("direct_url.json") or "{}")
        return noted["vcs_info"]["commit_id"]
    except (metadata.PackageNotFoundError, ValueError, LookupError, TypeError):
        return None


def _git(root, *words):
    done = subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()
