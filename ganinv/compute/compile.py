"""`torch.compile` where it pays and works; a missing compiler only costs speed."""

import contextlib
import importlib.util
import logging
import os
import shutil
import sys
import warnings

import torch

from ganinv.errors import WeightsError
from ganinv.paths import compiled_folder

WORTH_COMPILING = 100  # steps; below, the first compilation costs more than it saves


def resolve_compile(mode, generator, steps):
    """auto -> on where a compiler is at hand and `steps` are many.

    The number of images has no say, so that no image's result depends on the others.
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


def has_compiler(device):
    """Whether inductor can build for the device: Triton on CUDA, a C++ compiler on the CPU."""
    if torch.device(device).type == "cuda":
        return importlib.util.find_spec("triton") is not None
    usual = {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    return shutil.which(os.environ.get("CXX") or usual) is not None


def compile_or_warn(function, warm_up, device):
    """`function` compiled and "on", once `warm_up`, given the compiled one, went through.

    Where that fails, a warning says so, and it comes back as it is with "off".
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


def keep_compiled():
    """Let inductor keep what it compiles in checkpoints/compiled/, where the next process looks.

    Its own place is a temporary folder, which many systems empty. Leaves TORCHINDUCTOR_CACHE_DIR as
    it is where it is set, and does nothing outside a checkout or where it may not be written.
    """
    with contextlib.suppress(WeightsError, OSError):
        folder = compiled_folder()
        folder.mkdir(exist_ok=True)
        if os.access(folder, os.W_OK):
            os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))
