"""A bound on the memory that a checkpoint's network may take while it is brought into our form.

A small file may ask for any amount: one tensor under many names, each of which is copied; noise
maps of a resolution that its few layers announce.
"""

import math
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

FREE = 2**28  # bytes that any file may take: the noise maps of 4096x4096 twice over
FACTOR = 8  # of the file's own: half precision doubles, and a factor multiplied in copies
CREATORS = {torch.zeros, torch.ones, torch.empty, torch.full, torch.randn, torch.rand}


class Bounded(TorchFunctionMode):
    """Within `with Bounded(size)`, torch makes no more than a file of `size` bytes may ask for.

    Raises ValueError beyond it. What is only seen in another shape counts for nothing.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.left = FACTOR * size + FREE

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Call a function of torch, and count what it made."""
        if func in CREATORS:
            sizes = args[0] if args and isinstance(args[0], (tuple, list)) else args
            self._take(4 * math.prod(n for n in sizes if isinstance(n, int)))
            return func(*args, **(kwargs or {}))
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and not _shares(made, args):
            self._take(made.untyped_storage().nbytes())
        return made

    def _take(self, count):
        self.left -= count
        if self.left < 0:
            raise ValueError("it asks for much more memory than its own size; refused")


def _shares(made, args):
    place = made.untyped_storage().data_ptr()
    return any(
        isinstance(x, torch.Tensor) and x.untyped_storage().data_ptr() == place for x in args
    )
