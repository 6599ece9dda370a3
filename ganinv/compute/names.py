"""Devices and precisions by name, told apart without torch: a wrong name is said at once."""

import re
from typing import Any

DEVICE_WORDS: tuple[str, ...] = ("auto", "cpu", "cuda")
OTHERS = {  # names that people give, and what to give instead
    "gpu": "a GPU of NVIDIA's is named cuda, the second one cuda:1; auto takes one where there is",
    "mps": "Apple's mps is not supported; use cpu, or auto",
    "xpu": "Intel's xpu is not supported; use cpu, or auto",
    "rocm": "a GPU of AMD's is named cuda, as PyTorch names it",
    "hip": "a GPU of AMD's is named cuda, as PyTorch names it",
    "tpu": "a TPU is not supported; use cpu, or auto",
    "xla": "a TPU is not supported; use cpu, or auto",
}
DEVICE: dict[str, Any] = {  # json_schema_extra of a parameter that holds one
    "names": [*DEVICE_WORDS],
    "also": "cuda:N",
    "synonyms": dict.fromkeys(OTHERS),  # `check_device` says what to give instead
}
PRECISION: dict[str, Any] = {  # and of one that holds a precision
    "synonyms": {"bfloat16": "bf16", "fp32": "float32", "float": "float32", "fp16": "bf16"}
}


def check_device(device: str) -> str:
    """Return the name of a device; raise ValueError, with those there are, for one that is none."""
    if re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        return device
    about = OTHERS.get(device.lower().partition(":")[0])
    raise ValueError(about or "there are auto, cpu, cuda and cuda:N, N counting from 0")
