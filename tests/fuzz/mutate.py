"""Damage to bytes: flips, cuts, splices, repetitions, and lengths that are false."""

import random
import struct

INTERESTING = (
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    65_535,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    2**64 - 1,
)
FORMATS = ("<B", "<H", "<I", "<Q", ">I")
TOKENS = [
    b"[" * 2000,
    b"{" * 2000,
    b"9" * 5000,
    b"0x" + b"f" * 5000,
    b"1e999",
    b"-1",
    b".nan",
    b"NaN",
    b"null",
    b"true",
    b'"\\ud800"',
    b"\\u0000",
    b"&a",
    b"*a",
    b"!!int ",
    b"!!python/object/apply:os.system [id]",
    b"<<: ",
    b"\xff\xfe",
    b"\x00",
    b"..",
    b"4611686018427387904",
]


def mutate(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Damage `data` in one to four ways; `other` is what parts are spliced in from."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        rng.choice(WAYS)(rng, changed, other)
    return bytes(changed)


def _place(rng, data):
    """A position: often near the beginning or the end, where the headers are."""
    size = max(len(data), 1)
    near = min(rng.choice((16, 64, 512, size)), size)
    return rng.randrange(near) if rng.random() < 0.6 else size - 1 - rng.randrange(near)


def _flip(rng, data, other):
    if data:
        data[_place(rng, data) % len(data)] ^= 1 << rng.randrange(8)


def _byte(rng, data, other):
    if data:
        data[_place(rng, data) % len(data)] = rng.randrange(256)


def _cut(rng, data, other):
    del data[_place(rng, data) :]


def _remove(rng, data, other):
    at = _place(rng, data)
    del data[at : at + rng.choice((1, 2, 4, 8, 100))]


def _number(rng, data, other):
    form = rng.choice(FORMATS)
    number = rng.choice(INTERESTING) % 2 ** (8 * struct.calcsize(form))
    at = _place(rng, data)
    data[at : at + struct.calcsize(form)] = struct.pack(form, number)


def _token(rng, data, other):
    at = _place(rng, data)
    data[at : at + rng.choice((0, 0, 1, 4))] = rng.choice(TOKENS)


def _splice(rng, data, other):
    begin = _place(rng, other)
    at = _place(rng, data)
    data[at : at + rng.choice((0, 8, 64))] = other[begin : begin + rng.choice((4, 32, 256))]


def _repeat(rng, data, other):
    at = _place(rng, data)
    part = bytes(data[at : at + rng.choice((1, 4, 32))])
    data[at:at] = part * rng.choice((1, 2, 100, 2000))


WAYS = (_flip, _flip, _byte, _byte, _cut, _remove, _number, _token, _splice, _repeat)
