"""JSON files that are read one entry at a time: the same values as read whole, in little memory."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganinv.runs import streams
from ganinv.runs.gathered import read_gathered
from ganinv.runs.streams import LARGEST, _Text, each_item

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(LEAVES, lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=8)


def items_of(whole):
    for name, value in whole.items():
        if isinstance(value, dict) and value:
            yield from ((name, key, item) for key, item in value.items())
        else:
            yield name, None, value


@given(whole=st.dictionaries(st.text(), VALUES), indent=st.sampled_from([None, 2]))
def test_a_stream_yields_what_json_reads(tmp_path_factory, whole, indent):
    path = tmp_path_factory.getbasetemp() / "stream.json"
    path.write_text(json.dumps(whole, indent=indent), encoding="utf-8")
    assert list(each_item(path)) == list(items_of(json.loads(path.read_text(encoding="utf-8"))))


def test_values_that_lie_across_the_pieces_are_whole(tmp_path):
    whole = {"images": {f"p{k}": {"psnr": 10.0**k, "title": "é" * k} for k in range(300)}}
    (tmp_path / "a.json").write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "CHUNK", 7)
        assert list(each_item(tmp_path / "a.json")) == list(items_of(whole))


@pytest.mark.parametrize(
    "text", ["", "[]", "3", '{"a": {"b": 1}', '{"a": {"b": }}', '{"a" 1}', "{} {}", '{"a": {"b": 1']
)
def test_what_is_no_json_object_is_refused(text, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError):
        list(each_item(tmp_path / "a.json"))


@pytest.mark.parametrize(
    "text",
    [
        '{"images": {"a": 3}}',
        '{"images": {"../a": {}}}',
        '{"images": []}',
        "{}",
        '{"images": {}, "mean": 3}',
        '{"images": {"a"',
    ],
)
def test_damaged_metrics_are_refused(text, tmp_path):
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(ValueError, match=r"metrics\.json is damaged"):
        read_gathered(tmp_path / "metrics.json")


def test_a_large_file_takes_little_memory(tmp_path):
    entry = {"psnr": 20.0, "title": "x" * 1000}
    whole = {"images": {f"p{k}": entry for k in range(5000)}, "mean": {"psnr": 20.0}}
    (tmp_path / "metrics.json").write_text(json.dumps(whole))  # 5 MB
    tracemalloc.start()
    found = read_gathered(tmp_path / "metrics.json")
    count = sum(1 for _ in found["images"].items())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == len(found["images"]) == 5000 and found["mean"] == {"psnr": 20.0}
    assert most < 2_000_000


class Endless:
    """A file that goes on for 256 MB, and counts how much of it was read."""

    given = 0

    def __init__(self, begins):
        self.begins = begins

    def read(self, count):
        first, self.begins = self.begins, ""
        self.given += count
        return first or ("x" * count if self.given < 1 << 28 else "")


@pytest.mark.parametrize("text", ['{"images": {"a": nope', '{"images": {"a": "no end ', "{nope"])
def test_a_large_file_is_not_read_whole_for_a_damaged_value(text):
    file = Endless(text)
    with pytest.raises(ValueError, match="line 1"):
        read_all(_Text(file))
    assert LARGEST < file.given < 4 * LARGEST


def read_all(text):
    for _ in text.members():
        for _ in text.members():
            text.value()
