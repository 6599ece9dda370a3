"""Where in a checkpoint its networks are: under which keys, behind which prefixes of names.

Tools wrap a network in many ways. DataParallel puts `module.` before its names and torch.compile
`_orig_mod.`, Lightning the name of the attribute; trainings keep several networks in one file; some
save a whole module, others its state. A network is known here by the names of its own layers, so
that what lies around it does not matter.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ganinv.errors import printable, shorten
from ganinv.weights.readers.stand_ins import Record

DEEPEST = 8  # dicts and lists within each other
MOST = 20_000  # modules within one, each counted wherever it occurs
NETWORKS = 16  # of one format in a state
DOTS = 32  # in a weight's name
WRAPPERS = ("module", "_orig_mod")  # names that DataParallel and torch.compile put between
SIGNATURES = {  # by format: the ends of names that only such a network has, its prefix before them
    "nvidia": ("synthesis.b4.const", "synthesis.input.freqs"),
    "rosinality": ("conv1.conv.modulation.weight",),
    "basicsr": (
        "style_conv1.activate.bias",
    ),  # not its "clean" generator, which computes otherwise
}
_WRAPPER = re.compile(rf"(?:^|(?<=\.))(?:{'|'.join(WRAPPERS)})\.")
_EMA = re.compile(r"(?<![a-z])ema(?![a-z])")

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Candidate:
    """A network in a checkpoint: its `format`, its `place` for messages, and its contents.

    `content` is a state by the network's own names, or NVIDIA's module as a `Record`. `around` are
    the dicts that it lies in, the innermost first.
    """

    format: str  # "nvidia", "rosinality", "basicsr" or "encoder"
    place: str
    content: State | Record
    around: tuple[dict[str, Any], ...]

    @property
    def state(self) -> State:
        """Its weights by name, none of a module."""
        return {} if isinstance(self.content, Record) else self.content

    def beside(self, name: str) -> Any:
        """Find what the checkpoint holds beside the network under a name, the nearest first."""
        return next((items[name] for items in self.around if items.get(name) is not None), None)


def as_tensor(value: Any, what: str) -> torch.Tensor:
    """Give a tensor, or an array as one. Raises ValueError, which names `what`, for others."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.astype(value.dtype.newbyteorder("="), order="C"))
    if not isinstance(value, torch.Tensor):
        raise ValueError(f"its {what} is no array of numbers")
    return value


def find_networks(checkpoint: Any) -> list[Candidate]:
    """Find the networks in what `read_checkpoint` gave. Raises ValueError for names that clash."""
    return list(_walk(checkpoint, "", (), set(), DEEPEST))


def choose(candidates: list[Candidate]) -> Candidate | None:
    """Choose the one that is meant: a running average (EMA) before others, None of none.

    Raises ValueError where several are left.
    """
    averaged = [found for found in candidates if _EMA.search(found.place.lower())]
    left = averaged or candidates
    if len(left) > 1:
        places = ", ".join(shorten(printable(found.place), 40) for found in left[:4])
        raise ValueError(
            f"it holds several networks, {places}, and does not say which is meant: save one alone"
        )
    return left[0] if left else None


def outline(value: Any, *, most: int = 4, depth: int = 2) -> str:
    """Say in a line what a checkpoint holds: names, shapes, the parts of modules."""
    if isinstance(value, torch.Tensor | np.ndarray):
        return str(tuple(value.shape))
    if isinstance(value, Record):
        parts = ", ".join(_children(value)) or "no modules"
        return f"a {shorten(printable(value.kind), 40)} of {shorten(printable(parts), 60)}"
    if isinstance(value, dict) and depth:
        few = max(1, most - 2)  # of what is within
        names = [
            f"{shorten(printable(name), 40)} ({outline(value[name], most=few, depth=depth - 1)})"
            if not isinstance(value[name], torch.Tensor)
            else f"{shorten(printable(name), 40)} {outline(value[name])}"
            for name in list(value)[:most]
        ]
        rest = f" and {len(value) - most} more" if len(value) > most else ""
        return f"the entries are {', '.join(names)}{rest}" if names else "an empty dict"
    if isinstance(value, dict | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def _children(record: Record) -> dict[str, Any]:
    children = record.state.get("_modules")
    return children if isinstance(children, dict) else {}


def unwrapped(record: Any) -> Any:
    """Take DataParallel and its like off a module."""
    while isinstance(record, Record) and len(_children(record)) == 1:
        ((name, inner),) = _children(record).items()
        if name not in WRAPPERS or not isinstance(inner, Record):
            break
        record = inner
    return record


def _walk(value, place, around, seen, left) -> Iterator[Candidate]:
    """Look through dicts, lists and modules, each once."""
    if id(value) in seen or not left:
        return
    seen.add(id(value))
    if isinstance(value, Record):
        module = unwrapped(value)
        if {"mapping", "synthesis"} & _children(module).keys():
            yield Candidate("nvidia", place, module, around)
        elif _children(module):
            state: State = {}
            _flatten(module, "", state, DEEPEST, itertools.count())
            yield from _in_state(_without_wrappers(state), place, around)
    elif isinstance(value, dict):
        tensors = {
            name: as_tensor(x, name)
            for name, x in value.items()
            if isinstance(x, torch.Tensor | np.ndarray)
        }
        around = (value, *around)
        yield from _in_state(_without_wrappers(tensors), place, around)
        for name, item in value.items():
            yield from _walk(item, f"{place}.{name}".lstrip("."), around, seen, left - 1)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _walk(item, f"{place}[{number}]", around, seen, left - 1)


def _flatten(module, prefix, state, left, number):
    """Put a module's weights into `state`, by the names that torch's state_dict gives them.

    `number` counts the modules: a pickle may have one module in many places.
    """
    if next(number) > MOST or not left:
        raise ValueError("it holds a module of more parts than a generator has")
    for kind in ("_parameters", "_buffers"):
        tensors = module.state.get(kind)
        for name, x in (tensors if isinstance(tensors, dict) else {}).items():
            if isinstance(x, torch.Tensor):
                state[prefix + name] = x
    for name, child in _children(module).items():
        if isinstance(child, Record):
            _flatten(child, f"{prefix}{name}.", state, left - 1, number)


def _without_wrappers(state):
    """Take what wrappers put between names out of them, at any depth."""
    if not any(f"{wrapper}." in name for wrapper in WRAPPERS for name in state):
        return state
    renamed = {_WRAPPER.sub("", name): x for name, x in state.items()}
    if len(renamed) < len(state):
        raise ValueError("two of its weights have one name, but for `module.` in it")
    return renamed


def _in_state(state, place, around) -> Iterator[Candidate]:
    """The networks whose names are in a state, each behind a prefix of its own."""
    if any(name.count(".") > DOTS for name in state):
        raise ValueError("the name of a weight in it has more parts than any network's")
    for format_, ends in SIGNATURES.items():
        for prefix in _prefixes(state, ends):
            yield _candidate(format_, state, prefix, place, around)
    prefixes = _prefixes(state, ("input_layer.0.weight",))
    prefixes |= {
        name[: found.end()]: None
        for name in state
        if (found := re.match(r"(?:.*?\.)?encoder\.", name))
    }
    for prefix in _few(prefixes):
        if prefix.endswith("encoder.") or any(
            name.startswith(f"{prefix}styles.") for name in state
        ):
            yield _candidate("encoder", state, prefix, place, around)


def _prefixes(state, ends):
    """What stands before such an end in names, as the keys of a dict, in the state's order."""
    found = {}
    for name in state:
        for end in ends:
            if name == end or name.endswith(f".{end}"):
                found[name.removesuffix(end)] = None
    return _few(found)


def _few(prefixes):
    """Refuse more prefixes than there are networks in a file: each costs a look at all names."""
    if len(prefixes) > NETWORKS:
        raise ValueError(f"it holds {len(prefixes)} networks; save one alone")
    return prefixes


def _candidate(format_, state, prefix, place, around):
    own = {name.removeprefix(prefix): x for name, x in state.items() if name.startswith(prefix)}
    levels = prefix.split(".")[:-1]
    outer = (".".join([*levels[:n], ""]) for n in range(len(levels), -1, -1))
    averages = ({"latent_avg": state.get(f"{level}latent_avg")} for level in outer)
    place = ".".join([*filter(None, [place]), *levels])
    return Candidate(format_, place, own, (*averages, *around))
