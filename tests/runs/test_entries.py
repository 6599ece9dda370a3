"""Entries of a call: the first are held, later ones read again."""

from ganinv.runs import entries
from ganinv.runs.entries import Entries, Noted


def test_the_first_entries_are_held_and_later_ones_read_again():
    read = []

    def note_read(name):
        read.append(name)
        return {"from": "disk"}

    noted = Noted(note_read)
    noted.note("p0", {"from": "memory"})
    assert noted.plain() == {"p0": {"from": "memory"}} and isinstance(noted.plain(), dict)
    names = [f"p{k}" for k in range(entries.HELD + 2)]
    for name in names:
        noted.note(name, {"from": "memory"})
    assert noted.plain() is noted and list(noted) == names and len(noted) == len(names) and not read
    assert noted["p0"] == {"from": "memory"} and not read
    assert noted[names[-1]] == {"from": "disk"} and read == names[-1:]
    noted.note("p0", {"from": "later"})
    assert noted["p0"] == {"from": "later"} and len(noted) == len(names)
    assert [entry["from"] for _, entry in noted.items()].count("disk") == 2


def test_entries_that_have_gone_are_left_out():
    found = {"a": {"psnr": 1.0}, "b": None}
    some = Entries("ab", found.get)
    assert dict(some.items()) == {"a": {"psnr": 1.0}} and "b" in some and some.get("b") is None
    streamed = Entries("a", found.get, lambda: iter([("a", {"psnr": 2.0})]))
    assert dict(streamed.items()) == {"a": {"psnr": 2.0}} and streamed["a"] == {"psnr": 1.0}
