"""Parameters of a study: recipes become runs' parameters, and faults name the recipe."""

import pytest

from ganinv.errors import ParamsError
from ganinv.runs.params import Params
from ganinv.runs.study_params import StudyParams, recipes_of


def study(**recipes):
    return StudyParams.make({"recipes": recipes})


def test_a_recipe_is_a_file_and_changes_to_it():
    given = {"params": "exp03", "steps": 7, "title": "short", "about": "fewer steps"}
    found = recipes_of(study(short=given))["short"]
    assert found.about == "fewer steps"
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
        ({"params": 5}, "quotes"),
        ({"title": ["a"]}, "quotes"),
        ({"about": 5}, "quotes"),
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
        ({"recipes": {"study.json": {}}}, "what a study writes"),
        ({"recipes": {"Notebooks": {}}}, "what a study writes"),
        ({"recipes": {"a": {}, "A": {}}}, "case alone"),
        ({"pairs": [["w-l2", "w-l2"]]}, "not two of the recipes"),
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


def test_paths_of_recipes_are_looked_for_from_their_file(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "short.yaml").write_text("steps: 7\n")
    (folder / "own.safetensors").write_bytes(b"")
    (folder / "s.yaml").write_text(
        "recipes:\n"
        "  near: {params: ./short.yaml, generator: own.safetensors, init: ./own.safetensors}\n"
        "  ours: {params: exp01, generator: ffhq-student}\n"
    )
    monkeypatch.chdir(tmp_path)
    found = recipes_of(StudyParams.load("mine/s.yaml"))
    near, own = found["near"].params, str(folder / "own.safetensors")
    assert near.steps == 7
    assert [str((tmp_path / x).resolve()) for x in (near.generator, near.init)] == [own, own]
    assert found["ours"].params.steps == Params.load("exp01").steps
    assert found["ours"].params.generator == "ffhq-student"


@pytest.mark.parametrize(
    ("change", "differs"),
    [({"init": "random"}, False), ({"loss": "lpips"}, True), ({"steps": 3}, True)],
)
def test_a_head_start_is_between_recipes_that_differ_in_their_start(change, differs):
    recipes = {"a": {"loss": "l2"}, "b": {"loss": "l2"} | change}
    studied = StudyParams.make({"recipes": recipes, "head_starts": [["a", "b"]]})
    if not differs:
        assert recipes_of(studied).keys() == {"a", "b"}
        return
    with pytest.raises(ParamsError, match=f"a and b differ in {next(iter(change))} too"):
        recipes_of(studied)


def test_restarts_that_would_be_one_search_are_refused():
    values = {"spread": 0.0, "recipes": {"a": {}}}
    with pytest.raises(ParamsError, match="a: with spread: 0"):
        recipes_of(StudyParams.make(values))
    for differ in ({"restarts": 1}, {"init": "random"}, {"noise_injection": 0.1}):
        assert recipes_of(StudyParams.make(values | {"recipes": {"a": differ}}))
