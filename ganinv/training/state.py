"""A training's state on disk: one safetensors file, written atomically, read back to the bit."""

import json

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ganinv.files import atomic_path


def save_state(path, modules, optimizers, notes):
    """Write modules' and optimizers' tensors and `notes`, which JSON can hold."""
    tensors = {}
    for name, module in modules.items():
        tensors |= {f"{name}.{key}": x for key, x in module.items()}
    for name, optimizer in optimizers.items():
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"{name}.{index}.{key}": x for key, x in state.items()}
    tensors = {name: x.detach().cpu().contiguous() for name, x in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"ganinv": json.dumps(notes)})


def read_notes(path):
    """The notes of a state, without its tensors."""
    with safe_open(path, "pt") as file:
        return json.loads((file.metadata() or {})["ganinv"])


def load_state(path, modules, optimizers):
    """Put a saved state back into modules and optimizers of the same shapes."""
    tensors = load_file(path)
    for name, module in modules.items():
        module.load_state_dict(_below(tensors, name), strict=False)
    for name, optimizer in optimizers.items():
        states = {}
        for key, x in _below(tensors, name).items():
            index, _, what = key.partition(".")
            states.setdefault(int(index), {})[what] = x
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": states, "param_groups": groups})


def _below(tensors, name):
    prefix = f"{name}."
    return {key.removeprefix(prefix): x for key, x in tensors.items() if key.startswith(prefix)}


def copy_tensors(tensors, dtype):
    """Tensors of another type, on the CPU."""
    return {name: x.detach().to("cpu", dtype).contiguous() for name, x in tensors.items()}
