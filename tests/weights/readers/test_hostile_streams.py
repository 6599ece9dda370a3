"""Streams of torch.save's older format that contradict themselves are refused."""

import pytest

from helpers.containers import FLOATS, MAGIC, bare, calls, pid, read, refused, streamed, tensor
from helpers.hostile_pickles import raw


@pytest.mark.parametrize(
    "changes",
    [
        dict(version=1000),
        dict(version="1001"),
        dict(version=None),
        dict(magic=MAGIC, version=[MAGIC]),
        dict(system=[]),
        dict(system={}),
        dict(system=dict(little_endian=False)),
        dict(system=dict(little_endian=1)),
        dict(keys=None, storages=[]),
        dict(keys=[]),
        dict(keys=["1"]),
        dict(keys=["0", "0"]),
        dict(keys=["0", "1"]),
        dict(keys=[0]),
        dict(keys="0"),
        dict(keys={"0": 1}),
        dict(keys=[["0"]]),
        dict(storages=[("0", 11, FLOATS)]),
        dict(storages=[("0", 12, FLOATS[:-1])]),
        dict(storages=[("0", 12, b"")]),
        dict(storages=[("0", 2**63, FLOATS)]),
        dict(storages=[("1", 12, FLOATS)]),
        dict(storages=[("0", 12, FLOATS), ("0", 12, FLOATS)]),
        dict(storages=[("0", 12, FLOATS), ("1", 12, FLOATS)]),
    ],
    ids=str,
)
def test_a_stream_that_contradicts_itself_is_refused(changes, file):
    changes = dict(storages=[("0", 12, FLOATS)]) | changes
    refused(streamed(tensor(), **changes), file)
    data = streamed(pid() + b"Q", **changes)
    refused(bare(tensor(storage=calls("torch.storage._load_from_bytes", raw(data)))), file)


def test_another_magic_number_is_no_stream(file):
    assert read(streamed(tensor(), magic=MAGIC + 1), file) == MAGIC + 1  # a pickle of one number
