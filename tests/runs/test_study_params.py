"""Parameters of a study: recipes become runs' parameters, and faults name the recipe."""

import pytest

from ganinv.errors import ParamsError
from ganinv.runs.params import Params
from ganinv.runs.study_params import StudyParams, recipes_of


def study(**recipes):
    return StudyParams.make({"recipes": recipes})


def test_a_recipe_is_a_file_and_changes_to_it():
    found = recipes_of(study(short={"params": "exp03", "steps": 7, "title": "short"}))["short"]
    same = Params.load("exp03")
    assert (found.title, found.params.steps, found.restarts) == ("short", 7, 2)
    assert (found.params.loss, found.params.space) == (same.loss, same.space)


def test_restarts_differ_in_seed_and_folder_alone():
    studied = study(a={"params": "exp01"})
    recipe = recipes_of(studied)["a"]
    first, second = (recipe.restart(n, studied).model_dump() for n in (1, 2))
    assert {name for name in first if first[name] != second[name]} == {"seed", "out"}
    assert first["init_spread"] == 0.01 and first["out"] == "runs/study/a/1"


@pytest.mark.parametrize(
    ("recipe", "word"),
    [
        ({"setps": 3}, "setps"),
        ({"steps": "many"}, "steps"),
        ({"params": "no-such-file"}, "no-such-file"),
        ({"seed": 3}, "seed"),
        ({"out": "there"}, "out"),
    ],
)
def test_a_fault_names_its_recipe(recipe, word):
    with pytest.raises(ParamsError, match=f"(?s)recipe mine.*{word}"):
        recipes_of(study(mine=recipe))


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"recipes": {"../up": {}}}, "names a folder"),
        ({"recipes": {"a/b": {}}}, "names a folder"),
        ({"recipes": {".hidden": {}}}, "names a folder"),
        ({"recipes": {"a": {"restarts": 0}}}, "restarts"),
        ({"recipes": {"a": {"restarts": True}}}, "restarts"),
        ({"recipes": {}}, "recipes"),
        ({"pairs": [["w-l2"]]}, "not two of the recipes"),
        ({"pairs": [["w-l2", "other"]]}, "not two of the recipes"),
        ({"head_starts": [["other", "w-l2"]]}, "head_starts"),
        ({"restarts": 0}, "restarts"),
        ({"spread": float("inf")}, "spread"),
    ],
)
def test_what_is_no_study_is_refused(values, word):
    with pytest.raises(ParamsError, match=word):
        StudyParams.make(values)


def test_our_study_is_one():
    studied = StudyParams.load("study")
    found = recipes_of(studied)
    assert {"Exp-01", "Exp-02", "Exp-03", "Exp-04", "exact"} <= found.keys()
    control = found["from-mean"].params
    changed = {
        name
        for name, value in control.model_dump().items()
        if value != found["Exp-04"].params.model_dump()[name]
    }
    assert changed == {"init", "encoder"}, "the control differs in its start alone"
    assert found["from-encoder-600"].params.steps == found["Exp-03"].params.steps
    assert all(found[name].restarts >= 2 for name in ("Exp-03", "Exp-04", "from-mean", "exact"))
