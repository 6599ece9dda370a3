"""The memory of the process: its peak, and blocks that are kept while a search runs."""

import subprocess
import sys

import pytest
import torch

from ganinv.compute.memory import kept_memory, peak_mb, reset_peak


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="peaks start anew on Linux only")
def test_the_peak_is_that_of_the_block_measured():
    big, small = run(
        "import torch\n"
        "from ganinv.compute.memory import peak_mb, reset_peak\n"
        "x = torch.ones(100_000_000); del x\n"
        "print(peak_mb('cpu'))\n"
        "reset_peak('cpu')\n"
        "x = torch.ones(25_000_000)\n"
        "print(peak_mb('cpu'))"
    )
    assert 250 < big - small < 350  # 400 MB against 100 MB


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_kept_memory_is_given_back_at_the_end():
    inside, after = run(
        "import torch\n"
        "from ganinv.compute.memory import kept_memory, peak_mb, reset_peak\n"
        "def now():\n"
        "    reset_peak('cpu')\n"
        "    return peak_mb('cpu')\n"
        "with kept_memory('cpu'):\n"
        "    x = torch.ones(100_000_000); del x\n"
        "    print(now())\n"
        "print(now())"
    )
    assert inside - after > 350


def test_kept_memory_leaves_other_devices_and_results_alone():
    with kept_memory("cuda"):  # torch keeps CUDA's memory itself
        pass
    with kept_memory("cpu"):
        x = torch.arange(10)
    assert x.sum() == 45


def test_the_peak_is_never_below_what_is_held():
    reset_peak("cpu")
    before = peak_mb("cpu")
    held = torch.ones(50_000_000)
    assert peak_mb("cpu") >= before + held.numel() * 4e-6 * 0.9
