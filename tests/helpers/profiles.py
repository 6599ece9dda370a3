"""ICC profiles written by hand, and closed forms of what they mean."""

import struct

import numpy as np

D65 = (0.3127, 0.3290)
D50 = np.array([0.9642, 1.0, 0.8249])
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # sRGB's, of type 3


def to_xyz(primaries, white=D65):
    """The matrix (3, 3) from linear RGB to XYZ, white being 1."""

    def xyz(x, y):
        return np.array([x / y, 1.0, (1 - x - y) / y])

    columns = np.stack([xyz(*primary) for primary in primaries], 1)
    return columns * np.linalg.solve(columns, xyz(*white))


def decode(values):
    """sRGB's transfer function from [0, 1] to linear light; Display P3 has the same."""
    values = np.asarray(values, float)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encode_srgb(linear):
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def as_srgb(colours, primaries, decode=decode):
    """What colours (..., 3) of 8 bits over other primaries are in sRGB: levels, not rounded."""
    matrix = np.linalg.solve(to_xyz(SRGB), to_xyz(primaries))
    return 255 * encode_srgb(decode(np.asarray(colours) / 255) @ matrix.T)


def _fixed(*values):
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _profile(space, connection, tags, kind=b"mntr"):
    """A profile of version 4 (or 2, for tables) with its tags, {name: bytes}."""
    version = b"\x02\x40\0\0" if b"A2B0" in tags else b"\x04\x20\0\0"
    table, data, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        table += name + struct.pack(">II", start + len(data), len(tag))
        data += tag + b"\0" * (-len(tag) % 4)
    head = bytes(8) + version + kind + space + connection + bytes(12) + b"acsp" + bytes(28)
    head += _fixed(*D50)
    body = head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data
    return struct.pack(">I", len(body)) + body[4:]


def matrix_profile(primaries, curve=CURVE):
    """An RGB profile over primaries, white D65, with a curve: type 3's five numbers, or a gamma."""
    white = to_xyz(primaries).sum(1)
    scale = np.diag((BRADFORD @ D50) / (BRADFORD @ white))
    adapt = np.linalg.inv(BRADFORD) @ scale @ BRADFORD
    columns = (adapt @ to_xyz(primaries)).T
    form, values = (3, curve) if isinstance(curve, tuple) else (0, (curve,))
    para = b"para" + bytes(4) + struct.pack(">HH", form, 0) + _fixed(*values)
    tags = {b"wtpt": b"XYZ " + bytes(4) + _fixed(*D50)}
    for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True):
        tags[name] = b"XYZ " + bytes(4) + _fixed(*column)
    return _profile(b"RGB ", b"XYZ ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), para))


def grey_profile(gamma):
    """A profile of grey with a gamma."""
    para = b"para" + bytes(4) + struct.pack(">HH", 0, 0) + _fixed(gamma)
    tags = {b"wtpt": b"XYZ " + bytes(4) + _fixed(*D50), b"kTRC": para}
    return _profile(b"GRAY", b"XYZ ", tags)


def cmyk_profile(corners):
    """A CMYK profile from the Lab of its 16 corners, {(c, m, y, k) of 0 and 1: (L, a, b)}."""
    identity = bytes(range(256))
    nodes = b""
    for number in range(16):  # the first ink varies least rapidly
        ink = tuple(number >> bit & 1 for bit in (3, 2, 1, 0))
        lightness, a, b = corners[ink]
        nodes += bytes([round(lightness * 2.55), round(a + 128), round(b + 128)])
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut += identity * 4 + nodes + identity * 3
    tags = {b"wtpt": b"XYZ " + bytes(4) + _fixed(*D50), b"A2B0": lut, b"A2B1": lut}
    return _profile(b"CMYK", b"Lab ", tags, b"prtr")
