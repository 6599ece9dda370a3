"""What a run shows: the sentences turn with the numbers."""

import pytest

from ganinv.analysis.finished import read_experiment
from ganinv.analysis.seen import what_we_see, worst_photograph
from ganinv.core_yaml import dump_yaml
from ganinv.files import read_json, write_json
from ganinv.runs.params import Params
from helpers.runs import fake_run


def run(folder, name="New", losses=(1.0, 0.25), failed=(), steps=450, **values):
    """A run of images {id: (PSNR, LPIPS-alex) or a dict}, titled by their ids in capitals."""
    entries = {
        key: x if isinstance(x, dict) else {"psnr": x[0], "lpips_alex": x[1]}
        for key, x in values.items()
    }
    entries = {key: {"title": key.upper()} | entry for key, entry in entries.items()}
    fake_run(folder, entries, losses)
    metrics = read_json(folder / "metrics.json") | {"failed": {key: "empty" for key in failed}}
    write_json(folder / "metrics.json", metrics)
    (folder / "params.yaml").write_text(dump_yaml(Params(steps=steps).model_dump()))
    return read_experiment(folder, name)


def test_a_run_is_told_in_three_paragraphs(tmp_path):
    experiment = run(tmp_path, a=(20.0, 0.3), b=(25.0, 0.1), c=(22.0, 0.2))
    assert what_we_see(experiment) == [
        "In PSNR, B came out best (25.00 dB) and A worst (20.00 dB), and in LPIPS-alex too (0.100 "
        "and 0.300). PSNR and LPIPS-alex agree on the order of all 3 pairs of photographs.",
        "The loss fell 4.00-fold: no search failed. All 3 faces that were measured pass for the "
        "same person (identity at most 0.450).",
        "Half of the fall of the loss was reached at step 2 of 2, nine tenths at step 2.",
    ]


def test_where_the_metrics_disagree_on_the_order_it_is_told(tmp_path):
    experiment = run(tmp_path, a=(28.8, 0.164), b=(22.6, 0.203), c=(26.4, 0.239))
    assert what_we_see(experiment)[0] == (
        "In PSNR, A came out best (28.80 dB) and B worst (22.60 dB). In LPIPS-alex, A came out "
        "best (0.164) and C worst (0.239). PSNR and LPIPS-alex disagree on the order of 1 of 3 "
        "pairs of photographs: PSNR puts B below C (22.60 dB against 26.40 dB), LPIPS-alex puts "
        "it above (0.203 against 0.239)."
    )


def test_two_photographs_are_no_pairs(tmp_path):
    against = run(tmp_path / "1", a=(20.0, 0.1), b=(21.0, 0.2))
    assert "disagree on the order of the two photographs: PSNR puts A" in what_we_see(against)[0]
    agreed = run(tmp_path / "2", a=(20.0, 0.2), b=(21.0, 0.1))
    assert "agree on the order of the two photographs." in what_we_see(agreed)[0]


def test_numbers_that_are_shown_alike_are_equal(tmp_path):
    alike = run(tmp_path, a=(20.001, 0.3), b=(20.002, 0.2))
    text = what_we_see(alike)[0]
    assert text.startswith("In PSNR both photographs came out alike (20.00 dB).")
    assert "order" not in text


def test_one_photograph_has_no_order_and_what_is_not_measured_is_said(tmp_path):
    alone = run(tmp_path, a={"psnr": None, "identity": None, "ms_ssim": None})
    first, *others = what_we_see(alone)
    assert first.startswith("One photograph was inverted, A: PSNR ∞, SSIM 0.500, MS-SSIM not")
    assert first.endswith("Identity not measured.") and not any("person" in x for x in others)


def changes(tmp_path, new, old, **more):
    return what_we_see(
        run(tmp_path / "new", **new, **more), run(tmp_path / "old", "W+, L2", **old)
    )[1]


def test_disagreement_with_the_experiment_before_is_named_and_drift(tmp_path):
    new, old = dict(a=(27.7, 0.05), b=(15.0, 0.14)), dict(a=(28.0, 0.16), b=(22.6, 0.2))
    assert changes(tmp_path, new, old, steps=600) == (
        "Against “W+, L2” with 600 steps in place of 450: PSNR is worse on both photographs (mean "
        "-3.95 dB); LPIPS-alex is better on both photographs (mean -0.085). The two disagree on A "
        "(PSNR 28.00 dB → 27.70 dB, LPIPS-alex 0.160 → 0.050) and B (PSNR 22.60 dB → 15.00 dB, "
        "LPIPS-alex 0.200 → 0.140): closer in features, and further off in pixels. By 1 dB of PSNR "
        "or more the search drifted from the pixels of B (-7.60 dB)."
    )


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ((21.0, 0.2), "PSNR and LPIPS-alex nowhere contradict each other."),
        ((19.0, 0.4), "PSNR is worse (20.00 dB → 19.00 dB); LPIPS-alex is worse (0.300 → 0.400)."),
        ((21.0, 0.4), "(PSNR 20.00 dB → 21.00 dB, LPIPS-alex 0.300 → 0.400): closer in pixels"),
        ((20.0, 0.3), "PSNR is as good (20.00 dB → 20.00 dB); LPIPS-alex is as good (0.3"),
        ((19.5, 0.2), "closer in features, and further off in pixels."),
    ],
)
def test_words_turn_with_the_side(tmp_path, new, says):
    text = changes(tmp_path, {"a": new}, {"a": (20.0, 0.3)})
    assert says in text and "drifted" not in text
    assert ("disagree" in text) == ((new[0] > 20) != (new[1] < 0.3))


def test_mixed_sides_are_counted(tmp_path):
    new = dict(a=(21.0, 0.3), b=(20.0, 0.3), c=(20.0, 0.3))
    old = dict(a=(20.0, 0.3), b=(22.0, 0.3), c=(20.0, 0.3))
    text = changes(tmp_path, new, old)
    assert "PSNR is better on 1, worse on 1 and as good on 1 of 3 photographs (mean -0.33" in text
    assert "LPIPS-alex is as good on all 3 photographs" in text and "contradict" not in text


def test_only_photographs_of_both_are_compared(tmp_path):
    text = changes(tmp_path, dict(a=(21.0, 0.3)), dict(z=(20.0, 0.3)))
    assert text == "No photograph was finished both here and by “W+, L2”."


@pytest.mark.parametrize(("last", "fails"), [(0.5, False), (0.5001, True), (1.0, True)])
def test_a_search_fails_where_the_loss_stays_above_half(tmp_path, last, fails):
    text = what_we_see(run(tmp_path, losses=(1.0, last), a=(20.0, 0.3)))[1]
    assert ("there the search failed, or had too few steps" in text) == fails
    assert "2.00-fold" not in text or not fails
    assert "did not fall" not in what_we_see(run(tmp_path, a=(20, 0.3)), factor=1.5)[1]


def test_photographs_that_could_not_be_inverted_are_counted(tmp_path):
    text = what_we_see(run(tmp_path, failed=["x", "y"], a=(20.0, 0.3)))[1]
    assert text.startswith("2 photographs could not be inverted; the reasons are listed above.")
    assert "no other search failed" in text


@pytest.mark.parametrize(
    ("identity", "says"),
    [
        (0.599, "The face of A passes for the same person (identity 0.599)."),
        (0.6, "Another person's face came out of A (0.600): identity 0.6 or more."),
    ],
)
def test_another_persons_face_is_told(tmp_path, identity, says):
    experiment = run(tmp_path, a={"identity": identity}, b={"identity": None})
    assert what_we_see(experiment)[1].endswith(says)


def test_half_of_the_fall_is_where_half_is_lost(tmp_path):
    losses = (1.0, 0.9, 0.6, 0.55, 0.3, 0.29, 0.21, 0.2, 0.25)  # half of it: 0.6, the rest: 0.28
    (*_, text) = what_we_see(run(tmp_path, losses=losses, a=(20.0, 0.3)))
    assert text == "Half of the fall of the loss was reached at step 3 of 9, nine tenths at step 7."
    (*_, text) = what_we_see(run(tmp_path / "up", losses=(1.0, 1.5), a=(20.0, 0.3)))
    assert text == "No step of the search brought the loss below its start."


def test_a_refinement_counts_neither_as_fall_nor_as_steps(tmp_path):
    experiment = run(tmp_path, losses=(1.0, 0.4, 0.2), a=(20.0, 0.3))
    path = tmp_path / "a" / "history.json"
    rows = read_json(path)
    write_json(path, [*rows, *({"step": 4 + k, "loss": 9.0, "phase": "refine"} for k in range(2))])
    *_, failures, speed = what_we_see(experiment)
    assert "5.00-fold" in failures and "step 2 of 3" in speed


def test_a_run_of_no_image_and_no_step_is_told(tmp_path):
    assert what_we_see(run(tmp_path / "1", failed=["x"]))[0] == "No photograph was finished."
    assert what_we_see(run(tmp_path / "2", losses=(1.0,), a=(20.0, 0.3)))


def test_many_photographs_are_counted_not_listed(tmp_path):
    many = {f"p{k}": (20.0 + k, 0.3) for k in range(6)}
    text = what_we_see(run(tmp_path, losses=(1.0, 0.9), **many))[1]
    assert "on P0 (1.11-fold), P1 (1.11-fold), P2 (1.11-fold) and 3 more:" in text
    five = {name: many[name] for name in list(many)[:5]}
    text = what_we_see(run(tmp_path / "five", losses=(1.0, 0.9), **five))[1]
    assert "P3 (1.11-fold) and P4 (1.11-fold):" in text and "more" not in text


def test_the_worst_photograph_is_that_of_features_where_they_were_measured(tmp_path):
    experiment = run(tmp_path / "1", a=(20.0, 0.1), b=(25.0, 0.2))
    assert worst_photograph(experiment) == ("b", "lpips_alex")
    blind = run(tmp_path / "2", a=(20.0, None), b=(25.0, None))
    assert worst_photograph(blind) == ("a", "psnr")
    assert worst_photograph(run(tmp_path / "3")) is None
