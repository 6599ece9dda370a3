"""The benchmark of recipes."""

import json

import pytest
import torch

import ganinv
from ganinv.bench.quality import bench_quality, describe_reach, find_recipe, reach
from ganinv.bench.step import KEPT
from ganinv.errors import ParamsError
from ganinv.inversion.refinement import render_refined
from ganinv.measures.reconstruction import METRICS
from ganinv.runs.experiment import run_experiment

SMALL = ("steps=4", "loss_resolution=32", "precision=float32", "compile=off", "align=false")


@pytest.fixture
def quick(toy_path, make_photo, tmp_path):
    """A function that runs the benchmark on the toy and two photographs, plain code untimed."""
    photos = [str(make_photo(tmp_path / f"{seed}.png", seed)) for seed in (0, 1)]

    def run(*names, **changes):
        overrides = (f"generator={toy_path}", *SMALL)
        defaults = dict(points=2, device="cpu", say=lambda text: None, images=photos)
        defaults |= dict(isolate=lambda what, function, *arguments: {"seconds": 2.0})
        return bench_quality(names, overrides, **defaults | changes)

    return run


# --- recipes ------------------------------------------------------------------------------------


def test_a_recipe_may_change_some_parameters():
    plain, changed = find_recipe("fast"), find_recipe("fast+steps=7+precision=float32", ("seed=3",))
    assert changed.name == "fast+steps=7+precision=float32"
    assert changed.params == plain.params.replace(steps=7, precision="float32", seed=3)


def test_an_unknown_recipe_is_refused_with_the_nearest():
    with pytest.raises(ParamsError, match="no preset named 'fats'; did you mean fast"):
        find_recipe("fats+steps=3")


def test_a_recipe_may_be_a_file_of_ones_own(tmp_path):
    (tmp_path / "mine.yaml").write_text("steps: 5")
    mine = find_recipe(f"{tmp_path / 'mine.yaml'}+seed=2")
    assert (mine.params.steps, mine.params.seed, mine.published) == (5, 2, False)
    assert find_recipe("nvidia-w").published and not find_recipe("fast").published


def test_rows_hold_every_point_and_end_with_the_result(quick):
    result = quick("fast", "nvidia-w")
    assert result["images"].keys() == {"0", "1"}
    for name in ("fast", "nvidia-w"):
        for image in ("0", "1"):
            rows = [r for r in result["rows"] if (r["recipe"], r["image"]) == (name, image)]
            counts = [row["evaluations"] for row in rows]
            assert counts == sorted(set(counts)) and counts[-1] == 4 and len(counts) >= 3
            assert all(row.keys() >= {"seconds", *METRICS} for row in rows)
    assert result["plain"] == {"nvidia-w": 2.0} and result["failed"] == []
    assert result["recipes"]["fast"]["steps"] == 4


def test_results_are_those_of_the_same_search(quick, toy_path, tmp_path):
    result = quick("fast")
    params = find_recipe("fast", (f"generator={toy_path}", *SMALL)).params
    target = ganinv.load_image(tmp_path / "1.png", 32)
    toy = ganinv.load_generator(toy_path)  # the shared one's memory format stays as it is
    again = ganinv.invert(toy, target, params, image_id="1", log_every=0)
    assert result["rows"][-1].items() >= again.metrics.items()


def test_each_photograph_begins_with_its_own_latent_of_a_run(
    quick, toy_params, make_photo, tmp_path
):
    """Two files of one name have distinct ids, and one name."""
    photos = [make_photo(tmp_path / name / "a.png", seed) for seed, name in enumerate("xy")]
    run = run_experiment(toy_params(photos, space="w+", steps=2), say=str)
    result = quick(f"fast+init={run.out}+noise_maps=stored+steps=0", images=[*map(str, photos)])
    assert len(run.results["images"]) == 2 == len(result["rows"])
    for row in result["rows"]:
        assert row["psnr"] == run.results["images"][row["image"]]["psnr"]


def test_a_start_that_a_photograph_lacks_is_told_before_any_search(quick, tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(ParamsError, match="holds no latent of 0; name the folder of a run"):
        quick(f"fast+init={tmp_path / 'run'}")


def test_dropped_noise_is_dropped_at_every_point(quick, toy, tmp_path):
    """After one evaluation the best is the start, which the generator's own noise renders."""
    result = quick("nvidia-w+noise_injection=0")
    target = ganinv.load_image(tmp_path / "0.png", 32)
    with torch.no_grad():
        start = toy.synthesis(toy.w_avg.expand(1, toy.num_ws, -1))[0]
    wanted = ganinv.compute_metrics(start, target)
    first = next(row for row in result["rows"] if row["evaluations"] == 1)
    assert first["psnr"] == pytest.approx(wanted["psnr"], abs=1e-3)


def test_rows_say_from_where_on_a_search_is_refined(quick, toy_path, tmp_path):
    refined = "fast+refine=features+refine_resolution=8+refine_steps=30"
    result = quick(refined, "nvidia-w", points=6)
    rows = [row for row in result["rows"] if (row["recipe"], row["image"]) == (refined, "0")]
    assert [row["refined"] for row in rows] == [row["evaluations"] > 4 for row in rows]
    assert {row["refined"] for row in rows} == {False, True}
    assert not any(row["refined"] for row in result["rows"] if row["recipe"] == "nvidia-w")
    params = find_recipe(refined, (f"generator={toy_path}", *SMALL)).params
    toy, target = ganinv.load_generator(toy_path), ganinv.load_image(tmp_path / "0.png", 32)
    at = [row["evaluations"] for row in rows[:-1]]
    run = ganinv.invert(toy, target, params, image_id="0", log_every=0, trace_at=at)
    found = run.trace[-1]
    kept = {name: x.half() for name, x in found.refinement.items()}  # as on disk
    image = render_refined(toy, found.latent, found.noise, kept)
    assert rows[-2].items() >= ganinv.compute_metrics(image, run.target).items()


def test_a_recipe_that_refines_has_no_plain_step(quick):
    other = "rosinality-wplus+refine=features+refine_resolution=8+refine_steps=2"
    result = quick("fast", other, "rosinality-wplus")
    assert result["plain"] == {"rosinality-wplus": 2.0}
    (row,) = [row for row in result["reach"] if row["recipe"] == other]
    shares = [(x["seconds_published"], x["share_of_published"]) for x in row["images"]]
    assert shares == [(None, None)] * 2


def test_a_published_recipe_is_never_its_own_rival(quick):
    assert quick("nvidia-w", "rosinality-wplus")["reach"] == []


def test_plain_code_keeps_the_targets_features_where_the_recipe_does(quick):
    seconds = {"plain": 3.0, KEPT: 2.0}

    def isolate(what, function, case, *arguments):
        return {"seconds": seconds[case.variant]}

    result = quick("fast", "nvidia-w", "rosinality-wplus", "anycost-lbfgs", isolate=isolate)
    assert result["plain"] == {"nvidia-w": 2.0, "rosinality-wplus": 3.0}
    (last,) = [row for row in result["reach"] if row["recipe"] == "anycost-lbfgs"]
    assert all(found["share_of_published"] is None for found in last["images"])
    assert "plain" not in describe_reach(last, last["images"][0])


def test_a_search_that_diverges_is_noted_and_the_others_go_on(quick, tmp_path):
    out = tmp_path / "quality.json"
    result = quick("fast", "fast+lr=1e30+lr_schedule=constant", out=out)
    assert json.loads(out.read_text())["failed"] == result["failed"]  # the last search, too
    assert {row["recipe"] for row in result["rows"]} == {"fast"}
    assert [row["image"] for row in result["failed"]] == ["0", "1"]
    assert all("the loss became" in row["reason"] for row in result["failed"])


def test_a_photograph_without_a_face_is_said_before_anything_is_searched(quick):
    with pytest.raises(ParamsError, match="no face"):
        quick("fast+align=true", "fast")


def test_w_plus_can_be_named():
    assert find_recipe("exp01+space=w++noise_regularizer=1e+4").params.space == "w+"


def test_several_generators_are_refused(toy_path):
    with pytest.raises(ParamsError, match="several generators"):
        bench_quality(("fast", f"fast+generator={toy_path}"), SMALL, device="cpu")


def test_published_recipes_are_compared_within_their_space(quick):
    result = quick("fast", "fast+space=w", "rosinality-wplus", "nvidia-w")
    pairs = {row["recipe"]: row["ours"] for row in result["reach"]}
    assert pairs == {"rosinality-wplus": "fast", "nvidia-w": "fast+space=w"}
    assert all(len(row["images"]) == 2 for row in result["reach"])


def test_without_published_recipes_no_plain_code_is_timed(quick):
    result = quick("fast", "fast+lr=0.01")
    assert result["plain"] == {} and result["reach"] == []


# --- reaching -----------------------------------------------------------------------------------


def table():
    """Ours comes to 0.3 after 20 evaluations and 4 s; other ends at 0.35 (a) and 0.1 (b)."""
    points = {
        ("ours", "a"): [(10, 2.0, 0.5), (20, 4.0, 0.3), (40, 8.0, 0.2)],
        ("ours", "b"): [(10, 2.0, 0.5), (40, 8.0, 0.2)],
        ("other", "a"): [(50, 10.0, 0.4), (100, 20.0, 0.35)],
        ("other", "b"): [(100, 20.0, 0.1)],
    }
    rows = [
        {"recipe": recipe, "image": image, "evaluations": n, "seconds": s, "lpips_vgg": value}
        for (recipe, image), values in points.items()
        for n, s, value in values
    ]
    recipes = {name: {"loss": "lpips"} for name in ("ours", "other")}
    return {"rows": rows, "recipes": recipes, "plain": {"other": 0.8}}


def test_reaching_is_read_from_the_first_point_no_worse():
    row = reach(table(), "ours", "other")
    a, b = row["images"]
    assert (a["ours_evaluations"], a["ours_seconds"]) == (20, 4.0)
    assert a["seconds_published"] == pytest.approx(80.0)
    assert a["share_of_fast"] == pytest.approx(0.2)
    assert a["share_of_published"] == pytest.approx(0.05)
    assert b["ours_seconds"] is None and b["share_of_fast"] is None
    assert "20 evaluations, not 100, in 4 s: 20% of its time on the same path, 5.0% of plain" in (
        describe_reach(row, a)
    )
    assert "is not reached by ours" in describe_reach(row, b)
    assert not a["ours_refined"] and "refined" not in describe_reach(row, a)


def test_reaching_by_a_refined_result_is_said():
    found = table()
    for point in found["rows"]:
        point["refined"] = point["evaluations"] == 20
    row = reach(found, "ours", "other")
    a, b = row["images"]
    assert (a["ours_refined"], b["ours_refined"]) == (True, False)
    said = describe_reach(row, a)
    assert said.endswith(
        ", by a refined result: a code and a feature map, or changed weights, not a code"
    )
