"""The process's memory on a CPU: keep freed blocks while a search runs, measure the peak.

glibc hands every freed block above 128 kB back to the system, and the next one of that size has
its pages set up and zeroed anew. A search frees and takes the same few hundred megabytes at every
step. Keeping them made a step 1.5 times faster on StyleGAN2 config-f at 1024 and 1.8 times on the
student (2 cores of an AMD EPYC, compiled bf16: 1.40 -> 0.95 s and 0.45 -> 0.25 s), for 3 % more
memory at most.
"""

import contextlib
import ctypes
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4  # of mallopt, from malloc.h
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@contextlib.contextmanager
def kept_memory(device: torch.device | str) -> Iterator[None]:
    """Keep freed memory for reuse inside the block, and give it back at its end.

    On CPUs under glibc; elsewhere it does nothing (CUDA's memory is kept by torch itself).
    """
    if torch.device(device).type != "cpu" or platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(MMAP_MAX, 0)
    libc.mallopt(TRIM_THRESHOLD, -1)
    try:
        yield
    finally:
        libc.mallopt(MMAP_MAX, 65536)
        libc.mallopt(MMAP_THRESHOLD, 32 << 20)  # where glibc's own adaptation ends up
        libc.mallopt(TRIM_THRESHOLD, 64 << 20)
        libc.malloc_trim(0)


def reset_peak(device: torch.device | str) -> None:
    """Start measuring the peak anew, where the system can; see `peak_mb`."""
    if torch.device(device).type == "cuda":
        torch.cuda.init()  # a fresh process has no device by number before
        torch.cuda.reset_peak_memory_stats(device)
    elif _CLEAR.exists():
        with contextlib.suppress(OSError):
            _CLEAR.write_text("5")


def peak_mb(device: torch.device | str) -> float:
    """Read the peak since `reset_peak` in MB (1e6 bytes): the process's, or torch's on a GPU.

    Where the system cannot start anew (not Linux) it is the peak since the process began.
    """
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    if _STATUS.exists():
        line = next(s for s in _STATUS.read_text().splitlines() if s.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource  # not on Windows

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 1e6 if sys.platform == "darwin" else used * 1024 / 1e6
