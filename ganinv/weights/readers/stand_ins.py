"""What the names in a checkpoint's pickle become: inert stand-ins that keep contents, checked.

`checkpoints` says which name becomes which. Arguments come from the pickle and may be anything.
"""

import math
from typing import Any, Self

import torch

from ganinv.weights.readers.pickles import ARRAYS, Convert, PickleError, StandIn, put_items

DTYPES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}


class Record(StandIn):
    """Stands for an object of a known class: its class's name and what was stored of it."""

    def __init__(self, kind: str) -> None:
        self.kind: str = kind
        self.state: dict = {}

    def __setstate__(self, state):
        if type(state) is not dict:
            raise PickleError(f"the state of a {self.kind} is no dict")
        self.state = state

    def plain(self, convert: Convert) -> Any:
        self.state = convert(self.state)
        return self


class Mapping(StandIn):
    """Stands for a subclass of dict; attributes set on it are dropped.

    Python 2 wrote an OrderedDict as a list of pairs. That list is used up here: else a pickle
    could have many large dicts made of a single one.
    """

    def __init__(self, pairs: Any = None) -> None:
        self.items: dict = {}
        if pairs is not None:
            if type(pairs) is not list:
                raise PickleError("a dict is made of something that is no list of pairs")
            put_items(self.items, [key for key, _ in pairs], [value for _, value in pairs])
            pairs[:] = [None]

    def __setstate__(self, state):
        pass

    def plain(self, convert: Convert) -> Any:
        return convert(self.items)


class Word(StandIn):
    """Stands for something of no interest whose text is enough: a path, a device, a type."""

    def __init__(self, text: str) -> None:
        self.text = text

    def plain(self, convert: Convert) -> Any:
        return self.text


class Scalar(StandIn):
    """Stands for a numpy scalar."""

    def __init__(self, kind: Any, data: Any) -> None:
        array = ARRAYS["numpy.core.multiarray", "_reconstruct"]()
        array.__setstate__((1, (), kind, False, data))
        self.value = array.array.item()

    def plain(self, convert: Convert) -> Any:
        return self.value


class Storage(StandIn):
    """A tensor's memory: its type and bytes, the latter perhaps later."""

    def __init__(
        self, dtype: torch.dtype, numel: Any, data: bytearray | memoryview | None = None
    ) -> None:
        if type(numel) is not int or numel < 0:
            raise PickleError("a storage has no size")
        self.dtype, self.numel, self.data = dtype, numel, data
        if data is not None:
            self.check()

    def agree(self, dtype: torch.dtype, numel: Any) -> Self:
        """Give this storage to another tensor. Raises PickleError where they do not agree."""
        if (self.dtype, self.numel) != (dtype, numel):
            raise PickleError("two tensors disagree about their storage")
        return self

    def check(self) -> None:
        """Raise PickleError unless the bytes are as long as announced."""
        if self.data is None or len(self.data) != self.numel * self.dtype.itemsize:
            raise PickleError("a tensor's storage is not as long as announced")


class Tensor(StandIn):
    """A tensor before its storage's bytes are at hand."""

    def __init__(self, storage: Any, offset: Any, size: Any, stride: Any) -> None:
        whole = isinstance(storage, Storage) and {type(size), type(stride)} <= {tuple, list}
        if not whole or len(size) != len(stride) or len(size) > 32:
            raise PickleError("a tensor is not made of a storage, a size and a stride")
        size, stride = tuple(size), tuple(stride)  # a list might change after these checks
        numbers = [offset, *size, *stride]
        if any(type(n) is not int or not 0 <= n < 2**62 for n in numbers):
            raise PickleError("a tensor's size or stride is no number")
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride
        if math.prod(size) > storage.numel:
            raise PickleError("a tensor is larger than its storage")
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if math.prod(size) and last >= storage.numel:
            raise PickleError("a tensor reaches beyond its storage")

    def __setstate__(self, state):
        pass  # attributes of a tensor

    def plain(self, convert: Convert) -> Any:
        if self.storage.data is None:
            raise PickleError("a tensor's storage is missing")
        if not math.prod(self.size):
            return torch.empty(self.size, dtype=self.storage.dtype)
        flat = torch.frombuffer(self.storage.data, dtype=self.storage.dtype)
        return flat.as_strided(self.size, self.stride, self.offset)
