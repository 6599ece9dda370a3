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


def test_an_interval_may_take_a_line_of_its_own_and_stays_whole():
    rows = [["a", "+0.5 (-0.1 to 1.1), of 3 of 5", "0.5 (of 3)"]]
    text = table(["name", "x", "y"], rows, caption="c")
    assert '<span class="mean">+0.5</span> <span class="interval">(-0.1 to 1.1)</span>' in text
    cells = re.findall(r"<td[^>]*>(.*?)</td>", text)
    assert [re.sub("<[^>]*>", "", cell) for cell in cells] == rows[0][1:], "the text is the same"


def test_rows_that_have_something_in_common_are_a_group_of_their_own():
    rows = [["a", "1"], ["b", "2"], ["c", "3"]]
    text = table(["name", "x"], rows, caption="c", groups=["first", "first", HOSTILE])
    bodies = [re.findall(r'scope="(\w+)"', body) for body in text.split("<tbody>")[1:]]
    assert bodies == [["rowgroup", "row", "row"], ["rowgroup", "row"]]
    assert "<img" not in text and text.count("<tbody>") == text.count("</tbody>") == 2
    assert table(["name", "x"], rows, caption="c").count("<tbody>") == 1


def test_what_scrolls_is_reached_by_keys_and_has_a_name():
    text = scroll("<p>wide</p>", HOSTILE)
    assert 'role="region" tabindex="0"' in text and "<img" not in text


def test_terms_are_escaped():
    assert "<img" not in words([(HOSTILE, HOSTILE)])
