"""Which device, and in what precision: a search may run in bf16, results are always float32."""

import contextlib
from collections.abc import Iterator

import torch

from ganinv.compute.names import check_device
from ganinv.errors import ParamsError


def resolve_device(device: str) -> str:
    """Turn auto into cuda where there is one, else cpu. Raises ParamsError for one not here."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        check_device(device)
    except ValueError as error:
        raise ParamsError(f"no device {device!r}: {error}") from None
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ParamsError("this machine or this build of torch has no CUDA; use device cpu or auto")
    if int(device.partition(":")[2] or 0) >= max(torch.cuda.device_count(), 1):
        raise ParamsError(f"no {device}: this machine has {torch.cuda.device_count()} CUDA devices")
    return device


def resolve_precision(precision: str, device: torch.device | str) -> str:
    """Turn auto into bf16 where the hardware computes in it, else float32."""
    if precision != "auto":
        return precision
    if torch.device(device).type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "bf16" if _cpu_has_bf16() else "float32"


def _cpu_has_bf16():
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def autocast(device: torch.device | str, precision: str) -> contextlib.AbstractContextManager:
    """Make the context in which a search computes: bf16 autocast, or nothing for float32."""
    if precision == "bf16":
        return torch.autocast(torch.device(device).type, torch.bfloat16)
    return contextlib.nullcontext()


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Allow no TF32 in CUDA's convolutions while results are rendered and measured."""
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        yield
