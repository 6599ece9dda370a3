"""Studies: what runs, what is kept, what goes on; on toy generators."""

import json

import pytest
import torch

from ganinv.errors import ParamsError
from ganinv.files import read_json, write_json
from ganinv.measures.reconstruction import METRICS
from ganinv.runs.experiment import run_experiment
from ganinv.runs.study import FINE, plan_study, run_study
from ganinv.runs.verify import verify
from helpers.studies import made_up_plan, toy_study


@pytest.fixture
def counted():
    """A `run` that keeps which restart of which recipe it did, with its photographs."""

    class Counted(list):
        def __call__(self, params, *, only, **options):
            recipe, number = params.out.split("/")[-2:]
            self.append((recipe, int(number), sorted(only)))
            return run_experiment(params, only=only, **options)

    return Counted()


def places(plan):
    return [(row["recipe"], row["restart"], row["photograph"]) for row in plan.rows()]


ALL = [("w", 1, "a"), ("w", 1, "b"), ("w", 2, "a"), ("w", 2, "b"), ("w+", 1, "a"), ("w+", 1, "b")]


def test_every_recipe_restart_and_photograph_has_a_row(toy_path, photos, tmp_path, silent, counted):
    study = toy_study(toy_path, photos, tmp_path / "study")
    plan = run_study(study, say=silent, run=counted)
    assert places(plan) == ALL
    assert counted == [("w", 1, ["a", "b"]), ("w+", 1, ["a", "b"]), ("w", 2, ["a", "b"])]
    for row in plan.rows():
        record = read_json(
            tmp_path
            / "study"
            / row["recipe"]
            / str(row["restart"])
            / row["photograph"]
            / "record.json"
        )
        assert all(row[name] == record.get(name) for name in (*METRICS, "seconds", "settings"))
        assert len(row["curve"]) == row["steps"] and row["curve"][0][0] == 1
        assert row["threads"] == torch.get_num_threads()
        assert (row["compile"], row["precision"]) == ("off", "float32")
    first, second = (
        row for row in plan.rows() if row["recipe"] == "w" and row["photograph"] == "a"
    )
    assert first["curve"] != second["curve"], "restarts begin elsewhere"
    assert not verify(tmp_path / "study" / "w" / "1", say=silent)


def test_the_same_call_does_nothing_again(toy_path, photos, tmp_path, silent, counted):
    study = toy_study(toy_path, photos, tmp_path / "study")
    first = run_study(study, say=silent).rows()
    assert run_study(study, say=silent, run=counted).rows() == first
    assert counted == []


def test_a_study_that_was_cut_short_goes_on(toy_path, photos, tmp_path, silent, counted):
    study = toy_study(toy_path, photos, tmp_path / "study", block=1)

    def cut(params, *, only, **options):
        if params.out.endswith("w+/1"):
            raise KeyboardInterrupt
        return run_experiment(params, only=only, **options)

    with pytest.raises(KeyboardInterrupt):
        run_study(study, say=silent, run=cut)
    assert places(plan_study(study, silent)) == [("w", 1, "a")]
    assert places(run_study(study, say=silent, run=counted)) == ALL
    assert ("w", 1, ["a"]) not in counted


def test_blocks_give_the_first_photographs_all_recipes(toy_path, photos, tmp_path, silent, counted):
    run_study(toy_study(toy_path, photos, tmp_path / "study", block=1), say=silent, run=counted)
    assert [place[2] for place in counted] == [["a"]] * 3 + [["b"]] * 3


def test_rows_of_an_earlier_study_stand_for_runs(toy_path, photos, tmp_path, silent, counted):
    study = toy_study(toy_path, photos, tmp_path / "study")
    rows = run_study(study, say=silent).rows()
    write_json(tmp_path / "study.json", {"runs": rows})
    elsewhere = study.replace(out=str(tmp_path / "new"), kept=str(tmp_path / "study.json"))
    assert run_study(elsewhere, say=silent, run=counted).rows() == rows
    assert counted == [] and not (tmp_path / "new").exists()
    assert silent.about("6 results are taken")


def test_rows_of_several_earlier_studies_stand_for_runs(
    toy_path, photos, tmp_path, silent, counted
):
    study = toy_study(toy_path, photos, tmp_path / "study")
    rows = run_study(study, say=silent).rows()
    write_json(tmp_path / "a.json", {"runs": [row for row in rows if row["recipe"] == "w"]})
    write_json(tmp_path / "b.json", {"runs": [row for row in rows if row["recipe"] == "w+"]})
    names = [str(tmp_path / name) for name in ("a.json", "none.json", "b.json")]
    elsewhere = study.replace(out=str(tmp_path / "new"), kept=names)
    assert run_study(elsewhere, say=silent, run=counted).rows() == rows and counted == []


def test_rows_under_other_settings_or_photographs_do_not_stand(
    toy_path, photos, make_photo, tmp_path, silent, counted
):
    study = toy_study(toy_path, photos, tmp_path / "study")
    rows = run_study(study, say=silent).rows()
    rows[0] = rows[0] | {"settings": "0" * 16}
    write_json(tmp_path / "study.json", {"runs": [*rows, {"recipe": 3}, None, "row"]})
    make_photo(photos[1], 77)
    elsewhere = study.replace(out=str(tmp_path / "new"), kept=str(tmp_path / "study.json"))
    plan = run_study(elsewhere, say=silent, run=counted)
    assert places(plan) == ALL
    assert counted == [("w", 1, ["a", "b"]), ("w+", 1, ["b"]), ("w", 2, ["b"])]


@pytest.mark.parametrize("text", ["[]", "{", '{"runs": 3}', "null"])
def test_a_kept_file_that_is_no_study_is_refused(toy_path, photos, tmp_path, silent, text):
    (tmp_path / "study.json").write_text(text)
    study = toy_study(toy_path, photos, tmp_path / "study", kept=str(tmp_path / "study.json"))
    with pytest.raises(ParamsError, match="no study.json"):
        plan_study(study, silent)


def test_a_kept_file_that_is_not_there_is_told(toy_path, photos, tmp_path, silent):
    study = toy_study(toy_path, photos, tmp_path / "study", kept=str(tmp_path / "none.json"))
    assert plan_study(study, silent).rows() == [] and silent.about("none.json")


def test_a_photograph_that_fails_is_left_out_of_all(toy_path, photos, tmp_path, silent, counted):
    photos[0].write_bytes(b"no picture")
    study = toy_study(toy_path, photos, tmp_path / "study")
    plan = run_study(study, say=silent, run=counted)
    assert set(plan.failed) == {"a"}
    assert {place[2] for place in places(plan)} == {"b"}
    assert [place[2] for place in counted] == [["a", "b"], ["b"], ["b"]]


def test_results_of_another_photograph_of_the_name_do_not_count(
    toy_path, photos, make_photo, tmp_path, silent
):
    study = toy_study(toy_path, photos, tmp_path / "study")
    run_study(study, say=silent)
    make_photo(photos[0], 99)
    assert {place[2] for place in places(plan_study(study, silent))} == {"b"}


def test_time_left_goes_by_what_recipes_took():
    plan = made_up_plan({"a": {"p": [1.0]}, "b": {}})
    plan.study = plan.study.replace(restarts=1)
    steps = plan.recipes["a"].params.all_steps
    assert plan.recipes["b"].params.all_steps == steps
    assert plan.seconds_left() == pytest.approx(10.0)
    plan.known.clear()
    assert plan.seconds_left() is None


def test_later_steps_have_every_fifth_loss(toy_path, photos, tmp_path, silent):
    recipes = toy_study(toy_path, photos, "x").recipes
    long = {"w": recipes["w"] | {"steps": FINE + 12, "restarts": 1}}
    study = toy_study(toy_path, photos[:1], tmp_path / "study", recipes=long)
    (row,) = run_study(study, say=silent).rows()
    assert [step for step, _ in row["curve"]] == [*range(1, FINE + 1), FINE + 5, FINE + 10]
    history = json.loads((tmp_path / "study/w/1/a/history.json").read_text())
    losses = {entry["step"]: entry["loss"] for entry in history}
    assert all(loss == pytest.approx(losses[step], rel=1e-4) for step, loss in row["curve"])


HUGE = 10**400  # JSON has no bound


@pytest.mark.parametrize(
    "damage",
    [
        {"seconds": float("nan")},
        {"seconds": None},
        {"seconds": HUGE},
        {"psnr": HUGE},
        {"identity": "0.3"},
        {"machine": 7},
        {"commit": ["a"]},
        {"curve": [[1, 0.5], "x"]},
        {"curve": [[1]]},
        {"curve": [[1, float("inf")]]},
        {"restart": True},
        {"face": 2},
        {"init_sha256": ["0" * 64]},
    ],
)
def test_a_damaged_row_or_one_of_another_face_or_start_is_done_anew(
    toy_path, photos, tmp_path, silent, damage
):
    study = toy_study(toy_path, photos, tmp_path / "study")
    rows = run_study(study, say=silent).rows()
    kept = [row | damage if row == rows[0] else row for row in rows]
    (tmp_path / "kept.json").write_text(json.dumps({"runs": kept}))
    elsewhere = study.replace(out=str(tmp_path / "new"), kept=str(tmp_path / "kept.json"))
    assert places(plan_study(elsewhere, silent)) == ALL[1:]


def test_rows_that_began_from_other_latents_do_not_stand(toy_path, photos, tmp_path, silent):
    study = toy_study(toy_path, photos, tmp_path / "first")
    run_study(study, say=silent)
    begun = study.recipes["w+"] | {"init": str(tmp_path / "first" / "w" / "1")}
    gone_on = study.replace(recipes={"on": begun}, out=str(tmp_path / "on"))
    rows = run_study(gone_on, say=silent).rows()
    assert [row["photograph"] for row in rows] == ["a", "b"] and rows[0]["init_sha256"]
    write_json(tmp_path / "kept.json", {"runs": rows})
    again = gone_on.replace(kept=str(tmp_path / "kept.json"))
    assert plan_study(again.replace(out=str(tmp_path / "new")), silent).rows() == rows
    latents = [tmp_path / "first" / "w" / n / "a" / "latent.safetensors" for n in "12"]
    latents[0].write_bytes(latents[1].read_bytes())
    for out in ("on", "new"):
        plan = plan_study(again.replace(out=str(tmp_path / out)), silent)
        assert places(plan) == [("on", 1, "b")], "of a, the start is another now"


def test_rows_of_drawn_images_stand_too(toy_path, photos, tmp_path, silent):
    study = toy_study(toy_path, photos, tmp_path / "study", images=["sample:control"], align=True)
    study = study.replace(recipes={"w": study.recipes["w"] | {"restarts": 1, "steps": 0}})
    rows = run_study(study, say=silent).rows()
    assert [row["align"] for row in rows] == [False], "it needs no alignment"
    write_json(tmp_path / "kept.json", {"runs": rows})
    elsewhere = study.replace(out=str(tmp_path / "new"), kept=str(tmp_path / "kept.json"))
    assert plan_study(elsewhere, silent).rows() == rows
