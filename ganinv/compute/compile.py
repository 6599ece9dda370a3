"""`torch.compile` where it pays and works: when to compile, and where the results are kept.

The first compilation of a generator takes a minute or two on a machine (67 s for the FFHQ student
at 1024 on 2 cores of an AMD EPYC, torch 2.15), later processes 3 s, from inductor's cache on disk.
A compiler that is missing or fails costs speed alone; a warning says so. What a generator gains
from it stands in `render.py`.
"""

import contextlib
import importlib.util
import logging
import os
import shutil
import sys
import warnings
from collections.abc import Callable
from typing import Any

import torch

from ganinv.errors import WeightsError
from ganinv.paths import compiled_folder

WORTH_COMPILING = 100  # steps; below, the first compilation costs more than it saves


def resolve_compile(mode: str, generator: Any, steps: int) -> str:
    """Turn auto into on where a compiler is at hand and `steps`, and the images' pixels, are many.

    Where no compiler is at hand, on too becomes off, with a warning. The number of images has no
    say, so that no image's result depends on the others.
    """
    pays = steps >= WORTH_COMPILING and generator.resolution >= 256
    if mode == "off" or (mode == "auto" and not pays):
        return "off"
    if has_compiler(generator.device):
        return "on"
    warnings.warn(
        "no C++ compiler found (install g++, or set CXX): running without torch.compile, slower",
        stacklevel=2,
    )
    return "off"


def has_compiler(device: torch.device | str) -> bool:
    """Tell whether inductor can build for the device: Triton on CUDA, a C++ compiler on the CPU."""
    if torch.device(device).type == "cuda":
        return importlib.util.find_spec("triton") is not None
    usual = {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    return shutil.which(os.environ.get("CXX") or usual) is not None


def compile_or_warn(
    function: Callable, warm_up: Callable[[Callable], None], device: torch.device | str
) -> tuple[Callable, str]:
    """Compile `function`, and call `warm_up` with what came out: (compiled, "on").

    Where either fails, a warning says so, and it is (`function`, "off").
    """
    keep_compiled()
    # torch looks for CUDA's tools on a CPU as well, and says so at length
    if torch.device(device).type == "cpu":
        logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    try:
        compiled = torch.compile(function, dynamic=False)
        warm_up(compiled)
    except Exception as error:  # inductor, its compiler and its cache fail in many ways
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else ""
        warnings.warn(
            f"torch.compile failed ({type(error).__name__}: {reason}); running without it",
            stacklevel=4,
        )
        return function, "off"
    return compiled, "on"


def keep_compiled() -> None:
    """Let inductor keep what it compiles in checkpoints/compiled/, for the next process.

    Its own place is a temporary folder, which many systems empty. Leaves TORCHINDUCTOR_CACHE_DIR as
    it is where it is set, and does nothing where the home may not be written.
    """
    with contextlib.suppress(WeightsError, OSError):
        folder = compiled_folder()
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))
