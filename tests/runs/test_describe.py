"""A run's parameters and metrics in words."""

import pytest

from ganinv.runs import describe


def test_parameters_in_words(toy_params):
    described = describe.describe(toy_params(["x.png"], space="w+", loss={"l2": 0.5, "lpips": 2.0}))
    for word in ("W+", "0.5 L2", "2 LPIPS-vgg", "Adam", "mean_w", "4 steps"):
        assert word in described


def test_the_class_of_a_start_in_words(toy_params):
    assert "from mean_w of class 3, " in describe.describe(toy_params(["x.png"], label=3))
    assert "class" not in describe.describe(toy_params(["x.png"]))


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.25, "Adam at a rate that rises for 25 % of"),
        (0, "Adam at the full rate"),
        (0.05, "Adam,"),
    ],
)
def test_how_the_rate_rises_is_said_where_it_is_not_the_usual_way(toy_params, share, said):
    assert said in describe.describe(toy_params(["x.png"], lr_schedule="ramp", lr_rampup=share))
    lower = toy_params(["x.png"], lr_schedule="ramp", lr_rampup=share, lr=0.02)
    assert "Adam at rate 0.02" in describe.describe(lower)
    constant = toy_params(["x.png"], lr_schedule="constant", lr_rampup=share)
    assert "Adam, from" in describe.describe(constant)


@pytest.mark.parametrize(
    ("psnr", "shown"), [(21.234, "21.23 dB"), (None, "∞"), (float("inf"), "∞")]
)
def test_metrics_in_words(psnr, shown):
    values = dict(psnr=psnr, ssim=0.75, lpips_alex=0.1, lpips_vgg=0.2)
    assert shown in describe.describe_metrics(values)


def test_a_metric_that_was_not_measured_is_a_dash_and_one_that_is_absent_is_left_out():
    assert describe.describe_metrics(dict(ssim=0.75, identity=None)) == "SSIM 0.750 · Identity –"
