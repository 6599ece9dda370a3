"""Whole and hostile files of each kind, made by rule from random numbers.

A maker takes a random.Random and returns (suffix, bytes).
"""

import copy
import io
import json
import pickle
import random
import struct
import zipfile
from functools import cache

import numpy as np
import torch
from safetensors.torch import save

from ganinv.generators.stylegan2 import StyleGAN2
from helpers.containers import (
    ATOMS,
    FLOATS,
    SETTING,
    STAND_INS,
    bare,
    calls,
    streamed,
    zipped,
)
from helpers.foreign_checkpoints import tiny_encoder
from helpers.hostile_pickles import global_, text
from helpers.paths import DATA
from helpers.runs import USUAL
from helpers.toys import DCGAN_CONFIG, TOY_CONFIG, build_dcgan, build_toy

HUGE = (0, 1, -1, 2, 8, 32, 33, 16_000, 20_000, 10**9, 2**31, 2**62, 2**64, 10**400)
ODD = (None, True, "8", "", "x" * 3000, 0.5, float("nan"), float("inf"), [], {}, [[8]], {"a": 1})
WORDS = ("skip", "resnet", "orig", "e4e", "psp", "stylegan2", "dcgan", "irse", "domain", "x")
STYLEGAN2 = dict(z_dim=8, mapping=[8, 8], channels=[8, 8, 8], architecture="skip")
CONFIGS = {
    "stylegan2": STYLEGAN2,
    "mobile_stylegan": TOY_CONFIG,
    "dcgan": DCGAN_CONFIG,
    "irse": dict(head="e4e", num_ws=2),
    "domain": dict(resolution=32, num_ws=8, w_dim=32),
    "lpips_backbone": dict(convs=5),
}
CANARY = "canary"  # the file that a pickle would write, if it were run


@cache
def states() -> dict[str, dict[str, torch.Tensor]]:
    """States that fit the descriptions of three generators."""
    with torch.random.fork_rng(devices=[]):
        return {
            "stylegan2": StyleGAN2(**STYLEGAN2).state_dict(),
            "mobile_stylegan": build_toy().state_dict(),
            "dcgan": build_dcgan().state_dict(),
        }


def odd(rng: random.Random) -> object:
    """Draw a value that no description should hold, or a usual one."""
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice(HUGE)
    if kind == 1:
        return copy.deepcopy(rng.choice(ODD))
    if kind == 2:
        return rng.choice(WORDS)
    return [rng.choice(HUGE[:8]) for _ in range(rng.choice((0, 1, 3, 50)))]


def _tensor(rng, like):
    """A tensor like another, but for its type, its shape or its numbers."""
    kind = rng.randrange(7)
    if kind == 0:
        return like.to(rng.choice((torch.int64, torch.float16, torch.float64, torch.bfloat16)))
    if kind == 1:
        return torch.full_like(like.float(), rng.choice((0, 6e4, float("nan"), float("inf"))))
    if kind == 2:
        return like.flatten()
    if kind == 3:
        return torch.zeros(rng.choice(((), (0,), (1,), (1, 8), (0, 8), (3, 3, 3, 3))))
    if kind == 4:
        return like.to(torch.complex64)
    if kind == 5:
        return like[None]
    return like.bool()


def _changed(rng, tensors):
    """A state with a few tensors changed, missing, renamed or added."""
    tensors = dict(tensors)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 8))):
        name = rng.choice([*tensors, "x"])
        kind = rng.randrange(4)
        value = tensors.pop(name, torch.zeros(2))
        if kind == 0:
            tensors[name] = _tensor(rng, value)
        elif kind == 1:
            tensors[name + rng.choice(("x", ".0", "\x1b[31m", "x" * 500))] = value
        elif kind == 2:
            tensors |= {name: value, rng.choice((*tensors, "y", "noise.z")): value.clone()}
    return tensors


def _safetensors(tensors, metadata):
    return save({name: x.contiguous().clone() for name, x in tensors.items()}, metadata)


def describe(rng: random.Random) -> tuple[str, bytes]:
    """A network's file of ours, its description or its tensors changed."""
    architecture = rng.choice([*CONFIGS])
    config = copy.deepcopy(CONFIGS[architecture])
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
        config[rng.choice([*config, "c_dim", "c_embed", "conv_clamp", "self", "num_ws"])] = odd(rng)
    described = {"architecture": architecture, "config": config}
    if rng.random() < 0.2:
        described[rng.choice(("architecture", "config", "x"))] = odd(rng)
    tensors = _changed(rng, states().get(architecture, {"const": torch.zeros(1)}))
    if rng.random() < 0.2:
        tensors = {}
    return ".safetensors", _safetensors(tensors, {"ganinv": json.dumps(described)})


def header(rng: random.Random) -> tuple[str, bytes]:
    """A safetensors file whose header is written by hand."""

    def shape():
        return rng.choice(([1, 1], [0, rng.choice(HUGE[:12])], [1] * 100, [], odd(rng), [odd(rng)]))

    def about():
        kind = rng.choice(("F32", "F16", "I64", "F8_E4M3", "F4", "C64", "X", odd(rng)))
        return {"dtype": kind, "shape": shape(), "data_offsets": [0, rng.choice((0, 4, 2**40))]}

    whole = {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}
    name = rng.choice(("latent", "noise.x", "features.4", ""))
    found = {name: whole if rng.random() < 0.5 else about()}
    if rng.random() < 0.5:
        found["__metadata__"] = rng.choice((None, 5, {"ganinv": "[" * 9000}, {"ganinv": "5"}, {}))
    written = json.dumps(found).encode()
    length = rng.choice((len(written), len(written), len(written), 0, 2**40, 2**64 - 1))
    return ".safetensors", struct.pack("<Q", length) + written + bytes(rng.choice((0, 4, 4, 64)))


def latent(rng: random.Random) -> tuple[str, bytes]:
    """A latent with noise maps, changed."""
    maps = {
        f"noise.{n.removesuffix('.noise')}": x
        for n, x in states()["mobile_stylegan"].items()
        if n.endswith(".noise")
    }
    tensors = {"latent": torch.randn(8, 32)} | (maps if rng.random() < 0.6 else {})
    about = {"generator": "toy", "sha256": rng.choice(("", "x", 3, None, ["x"]))}
    return ".safetensors", _safetensors(_changed(rng, tensors), {"ganinv": json.dumps(about)})


def saved_code(rng: random.Random) -> tuple[str, bytes]:
    """A code of the toy that waits for its refinement, its tensors or its history changed."""
    tensors = {"latent": torch.randn(8, 32)} | {
        f"noise.{n.removesuffix('.noise')}": x
        for n, x in states()["mobile_stylegan"].items()
        if n.endswith(".noise")
    }
    if rng.random() < 0.5:
        tensors["pictures"] = torch.zeros(2, 32, 32, 3, dtype=torch.uint8)
    row = dict(step=1, loss=0.5, l2=0.5, lr=0.1, seconds=0.2, evaluations=1, best_step=1)
    shown = [0, 2] if "pictures" in tensors else []
    about = dict(key="key", loss=0.5, step=1, noisy=False, seconds=0.2, evaluations=1, shown=shown)
    about["history"] = [row | {"phase": "code"} for _ in range(2)]
    if rng.random() < 0.3:
        about["history"][1][rng.choice([*about["history"][1]])] = odd(rng)
    if rng.random() < 0.3:
        about[rng.choice([*about])] = odd(rng)
    tensors = _changed(rng, tensors) if rng.random() < 0.6 else tensors
    return ".safetensors", _safetensors(tensors, {"ganinv": json.dumps(about)})


def refinement(rng: random.Random) -> tuple[str, bytes]:
    """A refinement of the toy, changed."""
    names = ("features.8", "features.16", "features.x", "features.-8", "weights.to_img_bias")
    shapes = ((32, 8, 8), (16, 16, 16), (12,), (0,), (1, 1))
    tensors = {n: torch.zeros(s).half() for n, s in zip(names, shapes, strict=True)}
    kept = {n: x for n, x in tensors.items() if rng.random() < 0.4}
    return ".safetensors", _safetensors(_changed(rng, kept), {"ganinv": "{}"})


HOSTILE = [
    global_(name) + text(f"open('{CANARY}', 'w')") + b"\x85R"
    for name in ("builtins.eval", "builtins.exec", "os.system", "posix.system", "torch.load")
]


def _program(rng, depth):
    """The opcodes of a random value."""
    if depth == 0 or rng.random() < 0.2:
        return rng.choice(ATOMS + HOSTILE)
    parts = [_program(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    kind = rng.randrange(6)
    if kind == 0:
        return b"](" + b"".join(parts) + b"e"
    if kind == 1:
        return b"(" + b"".join(parts) + b"t"
    if kind == 2:
        return SETTING + _program(rng, depth - 1) + b"s"
    if kind == 3:
        return _program(rng, depth - 1) + b"q\x01"
    if kind == 4:
        return calls(rng.choice(STAND_INS), *parts)
    ending = rng.choice((b"b", b"R", b"\x81", b"a", b"0", b"K\x01s", b"\x85R", b"2", b"\x93"))
    return b"".join(parts) + ending


@cache
def _published(name):
    return (DATA / name).read_bytes()


def pickles(rng: random.Random) -> tuple[str, bytes]:
    """A pickle or a stream: a random program, a plain value, or a published network."""
    kind = rng.randrange(6)
    if kind == 0:
        return ".pkl", _published(rng.choice(("nvidia_64.pkl", "tf_64.pkl")))
    if kind == 1:
        value = {"G_ema": odd(rng), "n": [odd(rng)], "a": np.arange(3.0)}
        return ".pkl", pickle.dumps(value, rng.choice((2, 3, 4)))
    body = b"Nq\x010" + _program(rng, 4)
    return ".pkl", bare(body) if kind < 4 else streamed(body, [("0", 12, FLOATS)])


@cache
def _rosinality():
    saved = torch.load(DATA / "rosinality_64.pt")
    return dict(saved["g_ema"]), saved["latent_avg"]


def zips(rng: random.Random) -> tuple[str, bytes]:
    """torch.save's zip: a random program, or a network of which parts are changed."""
    kind = rng.randrange(4)
    if kind == 0:
        return ".pt", zipped(b"Nq\x010" + _program(rng, 4))
    if kind == 1:
        return ".pt", _published("rosinality_64.pt")
    state, average = _rosinality()
    state = _changed(rng, state)
    for _ in range(rng.choice((0, 0, 1, 3))):
        state[rng.choice([*state])] = rng.choice((odd(rng), average, "x"))
    if rng.random() < 0.2:
        part = rng.choice(("convs.7.", "to_rgbs.3.", "style.4.", "noises."))
        more = {
            n.replace(part, f"{part[:-2]}{i}."): x
            for n, x in state.items()
            if part in n
            for i in range(5, rng.choice((9, 30, 300)))
        }
        state = {n: x for n, x in (state | more).items() if rng.random() > 0.002}
    if kind == 2:
        return ".pt", _saved({"g_ema": state, "latent_avg": rng.choice((average, odd(rng)))}, rng)
    decoder = {f"decoder.{name}": x for name, x in state.items()}
    made = tiny_encoder(latent_avg=rng.choice((average, torch.ones(512), odd(rng))))
    made["state_dict"] |= decoder
    return ".pt", _saved(made, rng)


def _saved(value, rng):
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=rng.random() < 0.8)
    return file.getvalue()


NAMES = ("steps", "lr", "loss", "images", "out", "init", "generator", "device", "seed", "face", "x")
SCALARS = (
    "5", "-1", "0x" + "f" * 3000, "1" + "0" * 400, "9" * 5000, "1e999", ".nan", "~", "yes", "''",
    '"\\ud800"', '"\\0"', "!!int foo", "!!float x", "!!binary x", "!x y", "&a b", "*a", "? a", "|",
    "!!str {a: 1}", "!!merge a", "2001-01-01", "0o9", "\u2028", "mean_w", "lpips", "[", "}", "- a",
)  # fmt: skip


def yaml(rng: random.Random) -> tuple[str, bytes]:
    """Parameters, with values of every kind."""

    def value(depth):
        kind = rng.randrange(4)
        if depth == 0 or kind == 0:
            return rng.choice(SCALARS)
        parts = [value(depth - 1) for _ in range(rng.choice((0, 1, 3)))]
        if kind == 1:
            return "[" + ", ".join(parts) + "]"
        if kind == 2:
            return "{" + ", ".join(f"{rng.choice(NAMES)}: {part}" for part in parts) + "}"
        return "[" * rng.choice((1, 18, 25, 3000)) + rng.choice(SCALARS)

    depth = rng.choice((0, 0, 3))
    lines = [f"{rng.choice(NAMES)}: {value(depth)}" for _ in range(rng.choice((1, 1, 4)))]
    return ".yaml", "\n".join(lines).encode()


def arrays(rng: random.Random) -> tuple[str, bytes]:
    """A .npy, .npz, .pt or .safetensors of arrays, whole or with a header of its own."""
    kind = rng.randrange(5)
    if kind == 0:
        return ".pt", _saved(_nested(rng), rng)
    if kind == 1:
        return header(rng)
    file = io.BytesIO()
    if kind == 2:
        np.save(file, np.arange(12).astype(rng.choice(("f4", ">f8", "i8", "u2", "c8", "?"))))
        return ".npy", file.getvalue()
    if kind == 3:
        with zipfile.ZipFile(file, "w", rng.choice((0, 8, 12, 14))) as archive:
            for name in rng.choices(("w.npy", "w", "../x.npy", "/", "y.npy"), k=2):
                archive.writestr(name, _npy(rng))
        return ".npz", file.getvalue()
    return ".npy", _npy(rng)


def _npy(rng):
    shape = rng.choice(
        (
            "(3,)",
            "(True,)",
            "(0, 2)",
            f"({2**70}, 0)",
            f"({2**62}, 0)",
            "(-1, -3)",
            "(0x" + "f" * 5000 + ",)",
            "(" * 2000,
            "(1.5,)",
            "[3]",
            "()",
            "None",
        )
    )
    kind = rng.choice(("'<f4'", "'O'", "'<f2'", "'(2,3)<f4'", "'<f16'", "3", "'" + "<" * 500 + "'"))
    order = rng.choice(("True", "False", "3", "[]"))
    written = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}}}\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(written)) + written.encode() + bytes(12)


def _nested(rng):
    """Lists that hold one another many times over."""
    value = rng.choice((torch.zeros(2), np.zeros(3), {"w": torch.ones(1, 2, dtype=torch.int8)}))
    for _ in range(rng.randint(0, 4)):
        value = [value] * rng.choice((1, 2, 50))
    return value


def records(rng: random.Random) -> tuple[str, bytes]:
    """A record.json, or, of several images, a metrics.json."""

    def entry():
        made = USUAL | dict(seconds=1.0, steps=2, best_step=2, best_loss=0.25, title="t")
        if rng.random() < 0.3:
            made["code"] = dict(USUAL)
        for _ in range(rng.choice((0, 1, 3))):
            made[rng.choice((*made, "code", "failed"))] = odd(rng)
        return made

    if rng.random() < 0.5:
        return ".json", json.dumps(entry()).encode()
    names = ("a", "b", "..", ".", "", "/etc", "a/b", "x" * 300, "\0", "\ud800")
    images = {rng.choice(names): rng.choice((entry(), odd(rng))) for _ in range(3)}
    found = {"images": images, "mean": {}, "std": {}, "failed": {"q": "r"}}
    for _ in range(rng.choice((0, 1, 2))):
        found[rng.choice((*found, "earlier"))] = odd(rng)
    return ".json", json.dumps(found).encode()
