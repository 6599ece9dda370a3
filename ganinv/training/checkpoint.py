"""A training's state on disk: one safetensors file, written atomically, read back to the bit; and
its history."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganinv.errors import ParamsError
from ganinv.files import read_json
from ganinv.training.folder import HISTORY, damaged, find_notes
from ganinv.weights.store import read_tensors, write_tensors

State = Mapping[str, Mapping[str, Tensor]]  # the tensors of each module
Optimizers = Mapping[str, torch.optim.Optimizer]


def save_state(path: Path, modules: State, optimizers: Optimizers, notes: Any) -> None:
    """Write modules' and optimizers' tensors and `notes`, which JSON can hold."""
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors |= {f"{name}.{key}": x for key, x in module.items()}
    for name, optimizer in optimizers.items():
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"{name}.{index}.{key}": x for key, x in state.items()}
    write_tensors(path, tensors, {"ganinv": json.dumps(notes)})


def read_notes(path: Path) -> Any:
    """Read the notes of a state, without its tensors. Raises ParamsError for a damaged file."""
    notes = find_notes(path)
    if not notes:
        raise damaged(path, "it has no header" if notes is None else "it has no notes")
    return notes


def load_state(
    path: Path, modules: Mapping[str, nn.Module], optimizers: Optimizers, wanted: State
) -> None:
    """Put a saved state back into modules and optimizers of the same shapes.

    `wanted` is what `save_state` was given: all of it is to be found, while a module may have
    tensors beyond it. Raises ParamsError for a damaged file.
    """
    try:
        _load(path, modules, optimizers, wanted)
    except (RuntimeError, ValueError) as error:
        raise damaged(path, error) from None


def _load(path, modules, optimizers, wanted):
    tensors, _ = read_tensors(path, largest=None)
    for name, module in modules.items():
        saved = _below(tensors, name)
        missing = wanted[name].keys() - saved.keys()
        if missing:
            raise ValueError(f"it lacks {', '.join(sorted(missing))} of the {name}")
        module.load_state_dict(saved, strict=False)
    for name, optimizer in optimizers.items():
        states = {}
        for key, x in _below(tensors, name).items():
            index, _, what = key.partition(".")
            states.setdefault(int(index), {})[what] = x
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": states, "param_groups": groups})
        for weights, state in optimizer.state.items():
            for key, x in state.items():
                if x.shape == weights.shape:  # laid out as they were: the same code goes on
                    state[key] = torch.empty_like(weights).copy_(x)


def check_finite(
    values: Mapping[str, float], names: Iterable[str], step: int, folder: Path, rates: str = "lr"
) -> None:
    """Raise ParamsError where training has diverged, before anything whole is overwritten.

    `rates` names the parameters that may have been too large.
    """
    for name in names:
        if not math.isfinite(values.get(name, 0.0)):
            raise ParamsError(
                f"{name} became {values[name]} at step {step}: the training diverged. The "
                f"checkpoint in {folder} is from before; try a smaller {rates} in another folder"
            )


def _below(tensors, name):
    prefix = f"{name}."
    return {key.removeprefix(prefix): x for key, x in tensors.items() if key.startswith(prefix)}


def copy_tensors(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Copy tensors, to another type and to the CPU."""
    return {name: x.detach().to("cpu", dtype).contiguous() for name, x in tensors.items()}


def read_history(folder: str | Path) -> list[dict[str, Any]]:
    """Read a training's rows: a dict per step, with the figures of each look at held-out images."""
    return read_json(Path(folder) / HISTORY)
