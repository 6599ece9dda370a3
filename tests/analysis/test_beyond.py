"""Refinements beside their code: what is planned, found, measured and judged."""

import dataclasses
import math
import shutil

import numpy as np
import pytest
import torch

from ganinv.analysis import beyond, finished
from ganinv.analysis.study import settings_of
from ganinv.errors import ParamsError
from ganinv.inversion.latent_files import GeneratorFile, load_latent
from ganinv.inversion.refinement import REFINEMENT, load_refinement, save_refinement
from ganinv.numerics import NUMERICS
from ganinv.paths import project_root
from ganinv.runs.params import Params
from helpers.beyond import made_up
from helpers.checks import strict_json
from helpers.searches import quick_params

REFINED = dict(refine_steps=4, refine_resolution=8, refine_loss="l2")


@pytest.fixture(scope="module")
def planned(toy_path, make_photo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("beyond")
    photos = [make_photo(folder / f"{name}.png", seed) for seed, name in enumerate("ab")]
    return quick_params(toy_path, photos, folder / "out", steps=2, space="w+", **REFINED)


@pytest.fixture(scope="module")
def study(planned):
    return beyond.make_all(planned, (8, 16, 64))


# --- what runs ------------------------------------------------------------------------------------


def test_resolutions_that_the_generator_lacks_are_left_out(study):
    assert [e.name for e in study] == ["Code", "Features 8", "Features 16", "Weights", "Both"]
    assert [len(e.images) for e in study] == [2] * 5
    assert [e.params.steps for e in study] == [2, 0, 0, 0, 0]


def test_every_refinement_has_the_same_code(study):
    code, *refined = study
    for image_id in code.images:
        wanted, _ = load_latent(code.folder / image_id / "latent.safetensors")
        for experiment in refined:
            found, _ = load_latent(experiment.folder / image_id / "latent.safetensors")
            assert torch.equal(found, wanted)


def test_another_search_for_the_code_is_followed_by_other_refinements(planned, tmp_path):
    own = planned.replace(out=str(tmp_path / "out"), images=planned.images[:1])
    before = beyond.make_all(own, [8])
    old = [load_latent(e.folder / "a" / "latent.safetensors")[0] for e in before]
    after = beyond.make_all(own.replace(steps=4), [8])
    new = [load_latent(e.folder / "a" / "latent.safetensors")[0] for e in after]
    assert all(torch.equal(x, new[0]) for x in new) and not torch.equal(new[0], old[0])
    assert not any(e.metrics["failed"] for e in after)


def test_no_resolution_that_is_there_is_an_error():
    with pytest.raises(ParamsError, match="name some of 4, 8"):
        beyond.plan(Params(), (64, 128), (4, 8))


def test_both_takes_the_largest_resolution_where_its_own_is_not_there():
    runs = beyond.plan(Params(out="o"), (4, 8, 64), (4, 8))
    assert runs["Both"].refine_resolution == 8
    assert beyond.plan(Params(out="o"), (16, 64), (16, 64))["Both"].refine_resolution == 64


def test_a_rate_is_that_of_features_and_weights_keep_their_ratio_to_it():
    runs = beyond.plan(Params(out="o", refine_lr=0.03), (8,), (4, 8))
    rates = {name: run.refine_lr for name, run in runs.items()}
    assert rates["Features 8"] == rates["Both"] == 0.03
    assert rates["Weights"] == pytest.approx(0.03 * 3e-4 / 0.09)
    usual = beyond.plan(Params(out="o"), (8,), (4, 8))
    assert usual["Weights"].refine_lr == usual["Features 8"].refine_lr == "auto"


def test_how_the_code_was_begun_moves_no_refinement(planned, tmp_path):
    own = planned.replace(out=str(tmp_path), images=planned.images[:1], init_spread=0.5)
    code, *refined = beyond.make_all(own, [8])
    wanted, _ = load_latent(code.folder / "a" / "latent.safetensors")
    for experiment in refined:
        found, _ = load_latent(experiment.folder / "a" / "latent.safetensors")
        assert torch.equal(found, wanted)


def test_a_class_is_that_of_the_code():
    runs = beyond.plan(Params(out="o", label=1), (8,), (4, 8))
    assert [run.label for run in runs.values()] == [1, None, None, None]


def test_locality_is_for_the_runs_that_move_weights():
    params = Params(out="o", refine="weights", refine_locality=0.1)
    runs = beyond.plan(params, (8,), (4, 8))
    assert [run.refine_locality for run in runs.values()] == [0, 0, 0.1, 0.1]


def test_what_decides_is_minimized_by_neither_loss():
    params = Params.load(project_root() / "params" / "beyond.yaml")
    assert params.loss == {"lpips": 1, "l2": 0.5}
    assert (params.steps, params.refine_steps, params.space) == (100, 50, "w+")
    assert "lpips_alex" not in params.refine_loss


# --- numbers, in closed form ----------------------------------------------------------------------


def wave(phase):
    return torch.sin(2 * math.pi * torch.arange(64) / 64 + phase).expand(3, 8, 64)


@pytest.mark.parametrize(
    ("change", "wanted", "correlation", "ratio"),
    [
        (wave(0.0), wave(0.0), 1.0, 1.0),
        (wave(0.0) * -2, wave(0.0), -1.0, 2.0),
        (wave(math.pi / 2), wave(0.0), 0.0, 1.0),
        (wave(math.pi / 3), wave(0.0), 0.5, 1.0),
        (wave(0.0) + 1, wave(0.0), 1.0, math.sqrt(3)),  # mean squares 1 + 1/2 and 1/2
        (torch.ones(3, 8, 64), wave(0.0), 0.0, math.sqrt(2)),
        (wave(0.0), torch.zeros(3, 8, 64), 0.0, math.nan),
    ],
)
def test_changes_of_waves_compare_in_closed_form(change, wanted, correlation, ratio):
    found = beyond.compare_changes(change, wanted)
    assert found == pytest.approx((correlation, ratio), abs=1e-6, nan_ok=True)


def test_bytes_are_those_of_both_files(tmp_path):
    (tmp_path / "latent.safetensors").write_bytes(b"x" * 5)
    assert beyond.kept_bytes(tmp_path) == (5, 0)
    (tmp_path / "refinement.safetensors").write_bytes(b"x" * 7)
    assert beyond.kept_bytes(tmp_path) == (5, 7)


def test_a_feature_map_is_kept_in_two_bytes_a_number(study):
    _, refinement = beyond.kept_bytes(study[1].folder / "a")
    (x,) = load_refinement(study[1].folder / "a" / REFINEMENT)[0].values()
    assert 2 * x.numel() < refinement < 2 * x.numel() + 400  # the rest is the file's head


def test_moves_are_two_deviations_along_the_axes_of_w():
    scales = torch.tensor([1.0, 4.0, 2.0])

    class Scaled:
        z_dim, device = 3, torch.device("cpu")

        def mapping(self, z, c):
            return (z * scales)[:, None]

        def random_labels(self, count, rng):
            return None

    moves = beyond.principal_moves(Scaled(), 2)
    wanted = torch.tensor([[0.0, 8.0, 0.0], [0.0, 0.0, 4.0]])
    assert torch.allclose(moves, wanted, atol=0.25)  # of 10 000 draws


# --- edits ----------------------------------------------------------------------------------------


def test_a_zero_refinement_leaves_all_of_an_edit(study, toy, tmp_path):
    code, eighth, *others = study
    shutil.copytree(eighth.folder, tmp_path / "zero")
    for image_id in code.images:
        path = tmp_path / "zero" / image_id / REFINEMENT
        zero = {name: torch.zeros_like(x) for name, x in load_refinement(path)[0].items()}
        save_refinement(path, zero, GeneratorFile(toy.name, toy.sha256))
    zeroed = dataclasses.replace(eighth, name="Zero", folder=tmp_path / "zero")
    edits = beyond.study_edits([code, zeroed, *others], list(code.images), components=2)
    for row in edits.rows:
        kept = (row["correlation"], row["ratio"]) == pytest.approx((1, 1), abs=1e-9)
        assert kept == (row["experiment"] == "Zero")
        assert (row["sticks"] == [0, 0, 0]) == kept
    assert len(edits.rows) == 2 * 4 and list(edits.strips) == ["a", "b"]
    plain, same, other, *_ = edits.strips["a"].values()
    assert len(plain) == 5 and all(map(np.array_equal, plain, same))
    assert not np.array_equal(plain[1], other[1])


def test_the_strip_begins_with_the_reconstruction_between_both_sides(study):
    edits = beyond.study_edits(study, ["a"], components=1)
    down, found, up, middle, other = edits.strips["a"]["Code"]
    assert np.array_equal(found, study[0].picture("a", "reconstruction"))
    assert not np.array_equal(down, up)
    ends = [p.astype(float) for p in (found, middle, other)]
    assert np.abs(ends[1] - ends[2]).mean() < np.abs(ends[0] - ends[2]).mean()
    again = beyond.study_edits(study, ["b"], components=1)
    assert np.array_equal(again.strips["b"]["Code"][-1], other)  # one face for all


def test_edits_are_kept_until_the_refinements_change(study, tmp_path, monkeypatch):
    first = beyond.study_edits(study, ["a"], components=1, kept=tmp_path)
    monkeypatch.setattr(beyond, "_edit", lambda *_: pytest.fail("edited again"))
    again = beyond.study_edits(study, ["a"], components=1, kept=tmp_path)
    assert again.rows == first.rows
    assert all(map(np.array_equal, again.strips["a"]["Both"], first.strips["a"]["Both"]))
    with pytest.raises(pytest.fail.Exception, match="edited again"):
        beyond.study_edits(study[:-1], ["a"], components=1, kept=tmp_path)
    with pytest.raises(pytest.fail.Exception, match="edited again"):
        beyond.study_edits(study, ["a"], components=1, seed=1, kept=tmp_path)


# --- verdicts -------------------------------------------------------------------------------------

LPIPS = {
    "Code": [0.2, 0.4, 0.3],
    "Features 16": [0.15, 0.3, 0.2],
    "Features 64": [0.04, 0.14, 0.1],
    "Weights": [0.15, 0.26, 0.2],
    "Both": [0.1, 0.1, 0.1],
}
KEEPS = {
    "Features 16": [0.9, 0.8, 0.86],
    "Features 64": [0.5, 0.45, 0.47],
    "Weights": [0.95, 0.9, 0.93],
    "Both": [0.5, 0.5, 0.5],
}


def judged(lpips, keeps, **study):
    experiments, edits = made_up(LPIPS | lpips, KEEPS | keeps)
    return beyond.judge(experiments, ["i0", "i1", "i2"], edits, **study)


def words(lpips, keeps):
    return [v.word for v in judged(lpips, keeps)]


def test_claims_that_hold_on_every_image_are_confirmed():
    assert words({}, {}) == ["confirmed"] * 3


@pytest.mark.parametrize(
    ("lpips", "keeps", "place", "word"),
    [
        ({"Features 64": [0.11, 0.1, 0.1]}, {}, 0, "not decided"),
        ({"Features 64": [0.11, 0.21, 0.16]}, {}, 0, "refuted"),
        ({}, {"Features 64": [0.5, 0.85, 0.4]}, 1, "not decided"),
        ({}, {"Features 64": [0.95, 0.85, 0.9]}, 1, "refuted"),
        ({"Weights": [0.15, 0.09, 0.2]}, {}, 2, "not decided"),
        ({"Weights": [0.03, 0.12, 0.09]}, {}, 2, "refuted"),  # one half of the claim is
        ({"Weights": [0.15, 0.09, 0.05]}, {"Weights": [0.4, 0.9, 0.9]}, 2, "refuted"),  # on none
    ],
)
def test_claims_are_judged_by_images_and_intervals(lpips, keeps, place, word):
    assert words(lpips, keeps)[place] == word


def test_a_study_decides_on_features():
    experiments, _ = made_up(LPIPS, KEEPS)
    named = {e.name: e for e in experiments}
    shown = {"Features 64": 0.2, "Code": 0.3}  # 0.2 is above half of 0.3
    rows = [
        dict(recipe=name, restart=1, photograph=str(k), lpips_alex=x + k / 1000)
        for name, x in shown.items()
        for k in range(20)
    ]
    recipes = {name: {"params": settings_of(named[name].params)} for name in shown}
    photographs = [str(k) for k in range(20)]
    study = dict(recipes=recipes, runs=rows, photographs=photographs, numerics=NUMERICS)
    verdict = judged({}, {}, study=study)[0]
    assert verdict.word == "refuted" and "Over 20 photographs of the study" in verdict.detail


def test_one_resolution_tests_nothing_of_their_order():
    experiments, edits = made_up(
        {name: x for name, x in LPIPS.items() if name != "Features 16"}, KEEPS
    )
    assert beyond.judge_resolutions(experiments, edits).word == "not decided"


def test_a_null_metric_is_left_out():
    experiments, _ = made_up(LPIPS, KEEPS)
    experiments[0].images["i0"]["psnr"] = None
    assert finished.finite_values(experiments[0], ["i0", "i1"], "psnr") == [20.0]


def test_the_summary_is_strict_json(study, tmp_path):
    images = list(study[0].images)
    edits = beyond.study_edits(study, images, components=1)
    verdicts = beyond.judge(study, images, edits)
    beyond.write_summary(tmp_path / "summary.json", study, edits, verdicts)
    found = strict_json(tmp_path / "summary.json")
    assert list(found["experiments"]) == [e.name for e in study]
    assert found["experiments"]["Weights"]["bytes"]["a"] == sum(
        beyond.kept_bytes(study[3].folder / "a")
    )
    assert len(found["edits"]) == 8 and len(found["verdicts"]) == 3
    assert "out" not in found["params"]
