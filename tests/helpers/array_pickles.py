"""Arrays read out of pickles: what is compared, how a pickle is refused."""

import numpy as np
import pytest

from ganinv.weights.readers.pickles import PickleError, read_arrays


def same(found, expected):
    if isinstance(expected, np.ndarray):
        return (
            isinstance(found, np.ndarray)
            and found.dtype == expected.dtype
            and found.shape == expected.shape
            and found.tobytes() == expected.tobytes()
        )
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            same(found[key], expected[key]) for key in expected
        )
    if isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(map(same, found, expected))
    return type(found) is type(expected) and found == expected


def refused(data):
    """The message with which `data` is refused."""
    with pytest.raises(PickleError) as caught:
        read_arrays(data)
    assert str(caught.value)
    return str(caught.value)


def array_of(kind, shape=(2, 3, 4)):
    values = np.random.default_rng(0).integers(0, 100, shape)
    return (values % 2 if kind == "?" else values).astype(kind)
