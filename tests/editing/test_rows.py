"""Rows as commands name them, before a generator is there."""

import pytest

from ganinv.editing.rows import ALL, split_layers, split_rows
from ganinv.errors import ParamsError


def test_layers_are_words_and_rows():
    assert split_layers(" Coarse, 0-7,9 ") == ["coarse", (0, 7), (9, 9)]
    assert split_layers("ALL") == [ALL]
    assert split_rows("coarse=A,0-3= b c ,9=x=y") == [("coarse", "A"), ("0-3", "b c"), ("9", "x=y")]


@pytest.mark.parametrize(
    "text, near", [("corse", "coarse"), ("midle", "middle"), ("al", "all"), ("fien", "fine")]
)
def test_a_wrong_word_gets_the_nearest(text, near):
    with pytest.raises(ParamsError, match=f"did you mean {near}"):
        split_layers(text)
    with pytest.raises(ParamsError, match=f"did you mean {near}"):
        split_rows(f"9=B,{text}=A")


@pytest.mark.parametrize("text", ["", "x", "0-", "-3", "1.5", "coarse,,fine", "all,x"])
def test_what_is_no_rows_is_refused(text):
    with pytest.raises(ParamsError, match="layers: .* is not all, coarse"):
        split_layers(text)
