"""Whether a description fits the tensors beside it, found out before memory is taken for it.

A description is a few bytes that may ask for any amount. So its numbers are checked against what
the class takes, the network is built on torch's meta device, which has names and shapes and no
memory, and those are compared with the file's.
"""

import inspect
import math
import warnings
from collections.abc import Mapping
from typing import Any, get_type_hints

import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError
from torch.overrides import TorchFunctionMode

LARGEST = 16_384  # no width, count or resolution of a network is larger
OPERATIONS = 20_000  # that building takes beside those for the file's own tensors
MEANS = {"w_avg", "w_std", "latent_avg"}  # which a file may lack; they are as small as a latent


def check_fit(network: type, config: Any, state: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Return the config with which `network(**config)` has the names and shapes of `state`.

    Raises ValueError, with the reason, where it has others, and where the config holds names that
    the class does not take, or values that no network has; also for weights that are not finite.
    """
    if not isinstance(config, dict):
        raise ValueError("its config is no mapping of names to values")
    _check_values(network, config)
    try:
        with warnings.catch_warnings(), _Counted(OPERATIONS + 100 * len(state)):
            warnings.simplefilter("ignore")  # of empty tensors, which are refused below
            with torch.device("meta"):
                wanted = network(**config).state_dict()
    except ValueError:
        raise
    except Exception as error:  # constructors raise many kinds for sizes that do not go together
        raise ValueError(str(error)) from None
    compare(wanted, state)
    return config


def _check_values(network, config):
    known = inspect.signature(network).parameters
    hints = get_type_hints(vars(network)["__init__"])
    for name, value in config.items():
        if name not in known:
            raise ValueError(f"{network.__name__} takes no {name!r}")
        try:
            TypeAdapter(hints.get(name, Any), config=ConfigDict(strict=True)).validate_python(value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise ValueError(f"{name}: {reason}") from None
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, (int, float)) and not 0 <= number <= LARGEST:
                raise ValueError(f"{name} is {number!r}; 0 to {LARGEST} is possible")


def compare(wanted: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]) -> None:
    """Raise ValueError unless a state has the names, shapes and kinds of numbers that are wanted.

    Also for those that no weights have, as `check_numbers` says.
    """
    missing = [name for name in wanted if name not in state and name not in MEANS]
    unexpected = [name for name in state if name not in wanted]
    if missing or unexpected:
        raise ValueError(f"missing {missing[:3]}, unexpected {unexpected[:3]}")
    for name, tensor in state.items():
        got, fits = tuple(tensor.shape), tuple(wanted[name].shape)
        if got != fits:
            raise ValueError(f"{name} has the shape {got}, not {fits}")
        if math.prod(fits) == 0:
            raise ValueError(f"{name} is empty")
        if tensor.is_floating_point() != wanted[name].is_floating_point() or tensor.is_complex():
            raise ValueError(f"{name} is {tensor.dtype}, not {wanted[name].dtype}")
    check_numbers(state)


def check_numbers(state: Mapping[str, torch.Tensor]) -> None:
    """Raise ValueError for weights that are not finite, or all zero."""
    for name, tensor in state.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{name} holds NaN or infinite values: its weights are damaged")
    check_nonzero(state)


def check_nonzero(state: Mapping[str, torch.Tensor]) -> None:
    """Raise ValueError for weights of which a whole kind of layer is zero.

    A generator without its convolutions, or without its linear layers, would render its noise maps
    and nothing of a latent.
    """
    kinds: dict[int, list[torch.Tensor]] = {}
    for name, tensor in state.items():
        if tensor.ndim > 1 and "noise" not in name and name != "const":
            kinds.setdefault(tensor.ndim, []).append(tensor)
    for tensors in kinds.values():
        if not any(tensor.any() for tensor in tensors):
            kind = "convolutions" if tensors[0].ndim > 2 else "linear layers"
            raise ValueError(f"the weights of its {kind} are all zero: they are damaged")


class _Counted(TorchFunctionMode):
    """Refuse to build a network of more parts than the file could hold."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.left = most

    def __torch_function__(self, func, types, args=(), kwargs=None):
        # leaving `no_grad` is a call too: refused, it would leave autograd off
        if func is torch._C._set_grad_enabled:
            return func(*args)
        self.left -= 1
        if self.left < 0:
            raise ValueError("it describes many more layers than the file holds")
        return func(*args, **(kwargs or {}))
