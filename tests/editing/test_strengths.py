"""Strengths as they are written, in commands and in names of files."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganinv.editing.strengths import MOST, file_word, is_strength, parse_strengths, show_strength
from ganinv.errors import BadArgumentsError

NUMBERS = st.floats(-1e6, 1e6)


def test_strengths_keep_their_order():
    assert parse_strengths("-2,-1, 0 ,1,2") == [-2, -1, 0, 1, 2]
    assert parse_strengths("3,-1.5,3,1e0,+1") == [3, -1.5, 1]


def test_there_is_one_zero():
    assert [math.copysign(1, x) for x in parse_strengths("-0,0,-0.0")] == [1]
    assert show_strength(-0.0) == "+0"


@pytest.mark.parametrize("x, text", [(2.0, "+2"), (-1.5, "-1.5"), (0.0, "+0"), (0.25, "+0.25")])
def test_strengths_are_written_with_their_sign(x, text):
    assert show_strength(x) == text


@given(NUMBERS)
def test_what_is_written_is_known_as_a_strength(x):
    assert is_strength(show_strength(x))


@pytest.mark.parametrize(
    "text", ["", "2", "+2.0", "-0", "+nan", "+inf", "+1_0", "x", "+2 ", "+1_+2"]
)
def test_what_is_written_otherwise_is_none(text):
    assert not is_strength(text)


@given(st.lists(NUMBERS, min_size=1, max_size=MOST))
def test_no_two_strengths_are_written_alike(numbers):
    shown = [show_strength(x) for x in parse_strengths(",".join(map(repr, numbers)))]
    assert len(set(shown)) == len(shown)
    again = parse_strengths(",".join(shown))
    assert [show_strength(x) for x in again] == shown
    assert again == pytest.approx([float(text) for text in shown])


BAD = ["", ",", "1,,2", "one", "nan", "inf", "1e999", "1;2", "0x1", "x" * 9999, ",".join("1" * 200)]


@pytest.mark.parametrize("text", [*BAD, "1,\x1b[2J"])
def test_what_is_no_strength(text):
    with pytest.raises(BadArgumentsError, match="--strength") as caught:
        parse_strengths(text)
    assert len(str(caught.value)) < 250 and str(caught.value).isprintable()


@pytest.mark.parametrize(
    "name, word",
    [
        ("smile", "smile"),
        ("sefa:0", "sefa-0"),
        ("s:9:409", "s-9-409"),
        ("of/others/smile.npy", "smile.npy"),
        ("C:\\of\\others\\smile.npy", "smile.npy"),
        ("all.npz:age", "all.npz-age"),
        ("../..", "direction"),
        ("", "direction"),
    ],
)
def test_names_of_files(name, word):
    assert file_word(name) == word


@given(st.text(max_size=50))
def test_a_word_is_part_of_a_file_s_name(name):
    word = file_word(name)
    assert word and not set(word) & set('/\\:*?"<>| \0\n') and not word.startswith(".")
