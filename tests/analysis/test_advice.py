"""Advice is computed from the results."""

import pytest

from ganinv.analysis import advice, finished
from helpers.runs import fake_run


@pytest.fixture
def make(tmp_path):
    def made(name, lpips, seconds, images="ab"):
        values = {image: dict(lpips_alex=lpips, seconds=seconds) for image in images}
        return finished.read_experiment(fake_run(tmp_path / name, values), name)

    return made


def test_the_nearest_is_advised_with_its_reason(make):
    text = advice.advise([make("Slow", 0.1, 200.0), make("Quick", 0.2, 10.0)])
    assert text.startswith("Use Slow, because its LPIPS-alex") and "the lowest (0.100" in text
    assert "Quick: 0.200 in 10 s" in text


def test_a_much_quicker_one_that_is_as_good_is_advised(make):
    assert advice.advise([make("Slow", 0.1, 200.0), make("Quick", 0.104, 80.0)]).startswith(
        "Use Quick, because its LPIPS-alex, which no search minimizes, is as good as the lowest"
    )
    little = [make("Slow2", 0.1, 200.0), make("Little", 0.104, 190.0)]
    assert advice.advise(little).startswith("Use Slow2")


def test_going_beyond_is_told_on_the_photographs_of_both_where_it_is_nearer(make):
    run = make("Run", 0.1, 10.0)
    one, both = make("Beyond", 0.02, 5.0, "a"), make("Beyond both", 0.02, 5.0)
    title = one.title("a")
    assert f"brings 0.100 to 0.020 on {title}," in advice.advise([run], one)
    assert "brings 0.100 to 0.020 on the same 2 photographs," in advice.advise([run], both)
    assert "beyond" not in advice.advise([run], make("Worse", 0.2, 5.0))
    assert "beyond" not in advice.advise([run], make("Others", 0.02, 5.0, "c"))


def test_without_a_result_there_is_no_advice(make):
    assert advice.advise([make("A", 0.1, 1.0, "a"), make("B", 0.1, 1.0, "b")]) == ""
