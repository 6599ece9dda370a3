"""A few cases of every target; `python -m fuzz` reads as many as there is time for."""

import random

import pytest

from fuzz.children import run_batch
from fuzz.mutate import mutate
from fuzz.targets import TARGETS, Target
from helpers.hostile_pickles import by_proc
from helpers.memory import GIB


@by_proc
@pytest.mark.parametrize("name", TARGETS)
def test_made_and_damaged_files_are_read_or_refused(name):
    assert run_batch(name, first=0, count=8) == {}


def _takes_memory(path):
    bytearray(2 * GIB)


def _is_surprised(path):
    raise KeyError("x")


def _kills_itself(path):
    import os

    os._exit(7)


def _runs_it(path):
    path.with_name("canary").touch()


def _says_too_much(path):
    raise ValueError("x" * 10_000)


WRONG = {
    "memory": (_takes_memory, "MemoryError"),
    "another error": (_is_surprised, "KeyError"),
    "the end of its process": (_kills_itself, "ended with 7"),
    "what a file asked for": (_runs_it, "ran what the file asked for"),
    "a long message": (_says_too_much, "10000 characters"),
}


@by_proc
@pytest.mark.parametrize("call, said", WRONG.values(), ids=WRONG)
def test_a_reader_that_does_what_it_should_not_is_found(monkeypatch, call, said):
    monkeypatch.setitem(TARGETS, "bad", Target(call, TARGETS["yaml"].makers, (ValueError,)))
    found = run_batch("bad", first=5, count=1)
    assert list(found) == [5] and said in found[5]


def test_damage_comes_from_the_numbers_alone():
    data = bytes(range(256))
    changed = [mutate(random.Random(i), data, data[::-1]) for i in range(200)]
    assert changed == [mutate(random.Random(i), data, data[::-1]) for i in range(200)]
    assert len(set(changed)) > 150
