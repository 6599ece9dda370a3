"""Tables: what heads a row or a column says so, and numbers stand right."""

import re

from ganinv.report.html import scroll, table, words
from helpers.runs import HOSTILE


def test_rows_and_columns_have_heads_and_the_table_a_caption():
    text = table(["run", "PSNR, dB"], [["a", "20.1"], ["b", "19.0 ± 2"]], caption="What came out.")
    assert re.findall(r'<th scope="col"[^>]*>([^<]*)', text) == ["run", "PSNR, dB"]
    assert re.findall(r'<th scope="row"[^>]*>([^<]*)', text) == ["a", "b"]
    assert "<caption><span>What came out.</span></caption>" in text


def test_columns_of_numbers_stand_right_with_their_heads():
    rows = [["a", "0.5", "none", "–"], ["1", "+3 of 4", "2 of 3", "< 0.001"]]
    text = table(["name", "x", "trouble", "p"], rows, caption="c")
    heads = re.findall(r'<th scope="col" class="([^"]*)"', text)
    assert heads == ["words", "", "words", ""]
    assert re.findall(r'<td class="([^"]*)"', text) == ["", "words", ""] * 2


def test_what_scrolls_is_reached_by_keys_and_has_a_name():
    text = scroll("<p>wide</p>", HOSTILE)
    assert 'role="region" tabindex="0"' in text and "<img" not in text


def test_terms_are_escaped():
    assert "<img" not in words({HOSTILE: HOSTILE})
