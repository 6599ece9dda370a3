"""Constants of OpenVINO networks are read from their places, or refused."""

import numpy as np
import pytest

from ganinv.weights.readers.openvino import read_constants
from helpers.projects import not_fetched, wheel


def layer(name, element_type, shape, offset, size):
    return (
        f'<layer id="0" name="{name}" type="Const"><data element_type="{element_type}" '
        f'shape="{shape}" offset="{offset}" size="{size}"/></layer>'
    )


def network(*layers):
    return (
        f'<?xml version="1.0"?><net version="10"><layers>{"".join(layers)}</layers></net>'.encode()
    )


def test_constants_of_every_type_are_read_from_their_places():
    rng = np.random.default_rng(0)
    arrays = {
        "f32": rng.standard_normal((2, 3)).astype("<f4"),
        "f16": rng.standard_normal((4,)).astype("<f2"),
        "i64": rng.integers(-(2**62), 2**62, (2, 1, 2)).astype("<i8"),
        "i32": rng.integers(-(2**30), 2**30, (3,)).astype("<i4"),
        "u8": rng.integers(0, 256, (5,)).astype("u1"),
    }
    binary, layers = b"head", []
    for kind, array in arrays.items():
        shape = ",".join(map(str, array.shape))
        layers.append(layer(f"x.{kind}", kind, shape, len(binary), array.nbytes))
        binary += array.tobytes()
    other = '<layer id="9" name="add" type="Add"><data element_type="f32"/></layer>'
    found = read_constants(network(*layers, other), binary + b"tail")
    assert set(found) == {f"x.{kind}" for kind in arrays}
    for kind, array in arrays.items():
        assert found[f"x.{kind}"].numpy().dtype == array.dtype
        assert np.array_equal(found[f"x.{kind}"].numpy(), array)


def test_scalars_and_empty_constants_are_read():
    binary = np.float32(2.5).tobytes()
    found = read_constants(
        network(layer("one", "f32", "", 0, 4), layer("none", "f32", "0,3", 4, 0)), binary
    )
    assert found["one"].shape == () and found["one"].item() == 2.5
    assert found["none"].shape == (0, 3)


def test_what_is_read_is_a_copy_that_may_be_written():
    binary = np.zeros(4, "<f4").tobytes()
    found = read_constants(network(layer("a", "f32", "4", 0, 16)), binary)["a"]
    found += 1
    assert binary == bytes(16)


@pytest.mark.parametrize(
    "shape, offset, size",
    [
        ("4", 1, 16),  # one byte past the end
        ("4", 16, 16),
        ("4", -16, 16),
        ("4", 10**18, 16),
        ("4", 0, 12),  # the size of another shape
        ("4", 0, 20),
        ("2,3", 0, 16),
        ("1000000000000", 0, 4 * 10**12),
        ("-1", 0, -4),
        ("-2,-2", 0, 16),
        ("-1,0", 0, 0),
        ("four", 0, 16),
        ("4", "", 16),
    ],
)
def test_a_constant_that_does_not_fit_its_binary_is_refused(shape, offset, size):
    xml = network(layer("a", "f32", shape, offset, size))
    with pytest.raises(ValueError):
        read_constants(xml, bytes(16))


def test_a_network_without_constants_has_none():
    assert read_constants(network(), b"") == {}


@pytest.mark.parametrize(
    "xml",
    [
        b"no markup",
        b"",
        network(layer("a", "f32", "4", 0, 16)),
        network(layer("a", "f64", "2", 0, 16)),
        network('<layer name="a" type="Const"/>'),
        network('<layer name="a" type="Const"><data/></layer>'),
        network(layer("173", "f32", "4", 8, 16)),
    ],
    ids=["text", "empty", "other names", "unknown type", "no data", "no attributes", "outside"],
)
def test_a_network_that_is_not_the_student_is_refused(project, pages, xml):
    members = {
        f"net/{part}Network.{end}": data
        for part in ("Mapping", "Synthesis")
        for end, data in (("xml", xml), ("bin", bytes(16)))
    }
    data = wheel(members)
    pages.serve("net.whl", data)
    project.declare(pages.source("net.whl", data, members=list(members)), convert="mobile_stylegan")
    assert "net.whl" in not_fetched()
    assert not project.converted.exists()
