"""What is advised is chosen from results, and only where they decide."""

import pytest

from ganinv.analysis import advice, edited_verdicts, finished
from ganinv.files import read_json
from ganinv.runs.params import Params
from helpers import edited
from helpers.runs import fake_run


@pytest.fixture
def make(tmp_path):
    def made(name, lpips, seconds, images="ab"):
        values = {image: dict(lpips_alex=lpips, seconds=seconds) for image in images}
        return finished.read_experiment(fake_run(tmp_path / name, values), name)

    return made


def test_the_nearest_is_chosen_or_a_much_quicker_one_that_is_as_good(make):
    slow = make("Slow", 0.1, 200.0)
    assert advice.choose([slow, make("Far", 0.2, 10.0)], "ab").name == "Slow"
    assert advice.choose([slow, make("Quick", 0.104, 80.0)], "ab").name == "Quick"
    assert advice.choose([slow, make("Little", 0.104, 190.0)], "ab").name == "Slow"
    assert advice.choose([slow], "") is None


def test_a_refined_run_is_set_against_its_own_code(tmp_path):
    values = {
        k: dict(lpips_alex=x, code={"lpips_alex": 4 * x})
        for k, x in zip("ab", (0.1, 0.2), strict=True)
    }
    run = finished.read_experiment(fake_run(tmp_path / "r", values), "R")
    assert advice.code_means(run, "ab") == pytest.approx((0.6, 0.15))
    older = finished.read_experiment(fake_run(tmp_path / "o", {"a": {}}), "O")
    assert advice.code_means(older, "a") is None and advice.code_means(run, "") is None


def study(**intervals):
    """A study of refined and plain recipes: {a_b: interval of a against b in every metric}."""
    params = {"code": dict(loss="lpips"), "mixed": dict(loss={"lpips": 1, "l2": 1})}
    params |= {name: dict(loss="lpips", refine="features") for name in ("near", "nearer")}
    means = dict(code=0.4, mixed=0.3, near=0.2, nearer=0.1)
    recipes = {
        name: dict(params=own, mean=dict.fromkeys((advice.JUDGE, advice.LIKENESS), means[name]))
        for name, own in params.items()
    }
    comparisons = [
        dict(a=a, b=b, metric=metric, low=bounds[0], high=bounds[1])
        for metric in (advice.LIKENESS, advice.JUDGE)
        for pair, bounds in intervals.items()
        for a, b in [pair.split("_")]
    ]
    return dict(recipes=recipes, comparisons=comparisons)


BETTER, OPEN = (-0.2, -0.1), (-0.2, 0.1)


def test_likeness_is_the_refined_recipe_that_is_shown_to_be_nearest():
    both = study(near_code=BETTER, nearer_code=BETTER, near_nearer=BETTER, mixed_code=BETTER)
    assert advice.nearest_refined(both) == ("nearer", "code")
    assert advice.nearest_refined(study(near_code=BETTER, nearer_code=OPEN)) == ("near", "code")
    assert advice.nearest_refined(study(nearer_code=(None, None), mixed_code=BETTER)) is None


def test_a_code_is_that_of_another_loss_where_it_is_shown_to_be_better():
    assert advice.nearest_code(study(mixed_code=BETTER, near_code=BETTER)) == ("mixed", "code")
    assert advice.nearest_code(study(mixed_code=OPEN)) is None
    assert advice.nearest_code(study(mixed_near=BETTER, code_mixed=BETTER)) is None


def test_a_comparison_is_found_by_its_recipes_and_metric():
    found = study(mixed_code=BETTER, near_code=BETTER)
    assert advice.compared(found, "near", "code", advice.JUDGE) == 3
    assert advice.compared(found, "code", "near", advice.JUDGE) is None


def edits(tmp_path, **changes):
    found = edited.made_up(**changes)
    edited_verdicts.write_summary(tmp_path / "e.json", Params(), found, [], "")
    return read_json(tmp_path / "e.json")


def test_edits_take_the_code_whose_edits_are_cleanest(tmp_path):
    found = advice.cleanest_code(edits(tmp_path, own={"Encoder": 2.0}))
    assert (found.name, found.other, found.wins) == ("Encoder", "W+ long", 8)
    assert found.own / found.theirs == pytest.approx(2.0 / 0.5, rel=0.1)
    assert found.lead.mean == pytest.approx(found.own - found.theirs)
    assert found.identity == pytest.approx(0.45)


def test_no_code_is_advised_for_edits_where_the_lead_is_not_decided(tmp_path):
    alike = dict.fromkeys(edited.KINDS, 0.5)
    assert advice.cleanest_code(edits(tmp_path, own=alike, noise=0.1)) is None
    assert advice.cleanest_code(edits(tmp_path, photographs=1)) is None
    blind = edits(tmp_path)
    for row in blind["edits"]:
        row["changes"] = {}
    assert advice.cleanest_code(blind) is None


def test_a_refined_code_is_no_code_to_edit(tmp_path):
    own = {name: 5.0 for name in edited.OWN if "features" in name or "weights" in name}
    assert advice.cleanest_code(edits(tmp_path, own=own)).name == "W"
