"""Rows of a latent by words: there and back, groups of a student, refused texts."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ganinv.editing.layers import describe_rows, mix, parse_layers, parse_rows
from ganinv.errors import ParamsError, printable
from ganinv.generators.mobile_stylegan import MobileStyleGAN


def network(num_ws, teacher=None):
    """What says how many rows a generator has."""
    return SimpleNamespace(num_ws=num_ws, teacher_rows=teacher, name="net")


def rows(chosen):
    return chosen.nonzero()[:, 0].tolist()


@given(st.lists(st.booleans(), min_size=1, max_size=40).filter(any))
def test_rows_are_read_as_they_are_described(wanted):
    chosen = torch.tensor(wanted)
    text = describe_rows(chosen)
    assert torch.equal(parse_layers(text, network(len(wanted))), chosen)
    assert torch.equal(parse_layers(f" {text.upper()} ", network(len(wanted))), chosen)


@given(st.lists(st.tuples(st.integers(0, 17), st.integers(0, 17)).map(sorted), min_size=1))
def test_ranges_are_what_python_s_are(ranges):
    text = ", ".join(f"{a}-{b}" for a, b in ranges)
    wanted = {row for a, b in ranges for row in range(a, b + 1)}
    assert rows(parse_layers(text, network(18))) == sorted(wanted)


@given(st.text(max_size=30))
def test_any_text_is_rows_or_a_sentence(text):
    try:
        assert parse_layers(text, network(18)).any()
    except ParamsError as error:
        assert str(error).startswith("layers: ") and str(error) == printable(error)


REFUSED = ["", " ", ",", "0,", "18", "5-3", "0-18", "-1", "1-", "a", "coarse;fine", "0x1", "1.5"]


@pytest.mark.parametrize("text", [*REFUSED, "9" * 5000, "x" * 5000, "\x1b[2J", "coarse,,fine"])
def test_refused_rows(text):
    with pytest.raises(ParamsError, match="layers: ") as caught:
        parse_layers(text, network(18))
    assert len(str(caught.value)) < 250 and str(caught.value).isprintable()


def test_groups_of_stylegan2():
    assert rows(parse_layers("coarse", network(18))) == [0, 1, 2, 3]
    assert rows(parse_layers("middle", network(18))) == [4, 5, 6, 7]
    assert rows(parse_layers("fine", network(18))) == list(range(8, 18))
    assert rows(parse_layers("Coarse, 9", network(18))) == [0, 1, 2, 3, 9]
    every = torch.stack([parse_layers(name, network(18)) for name in ("coarse", "middle", "fine")])
    assert (every.sum(0) == 1).all()


def test_groups_of_a_student_lie_where_its_teacher_s_do():
    """A student at 1024: two of its rows take the teacher's row 3, two its row 5, and so on."""
    student = MobileStyleGAN(channels=[4] * 8, z_dim=4, w_dim=4, mapping_layers=1)
    assert student.num_ws == 23
    coarse = parse_layers("coarse", student)
    assert rows(coarse) == [0, 1, 2, 3, 4]  # 3 and 4 both take the teacher's row 3
    every = torch.stack([parse_layers(name, student) for name in ("coarse", "middle", "fine")])
    assert (every.sum(0) == 1).all()


def test_a_group_that_a_generator_lacks(toy):
    assert rows(parse_layers("middle", toy)) == [5, 6, 7]
    with pytest.raises(ParamsError, match="toy has no rows in fine"):
        parse_layers("fine", toy)
    assert rows(parse_layers("middle,fine", toy)) == [5, 6, 7]


def test_whose_rows():
    found = parse_rows("0-3=A, 5 = B,6-9=B", network(18))
    assert rows(found["A"]) == [0, 1, 2, 3] and rows(found["B"]) == [5, 6, 7, 8, 9]
    assert list(parse_rows("coarse=a=b", network(18))) == ["a=b"]


@pytest.mark.parametrize("text", ["", "coarse", "=A", "coarse=", "coarse=A,3=B", "30=A", "0=A,,"])
def test_refused_shares(text):
    with pytest.raises(ParamsError):
        parse_rows(text, network(18))


def test_a_mixture_takes_each_row_from_its_own():
    latents = {name: torch.full((18, 4), float(i)) for i, name in enumerate("ABC")}
    mixed = mix(latents, parse_rows("coarse=A,fine=B", network(18)), "C")
    assert mixed[:, 0].tolist() == [0.0] * 4 + [2.0] * 4 + [1.0] * 10
    assert latents["C"].eq(2).all()
