"""The parameters of refinements: what they may be, and what is said of those that may not."""

import pytest

from ganinv.errors import ParamsError
from ganinv.inversion.params import SearchParams, losses_of
from ganinv.inversion.refinement import check_refine
from ganinv.runs.experiment import run_experiment
from ganinv.runs.plan import prepare
from helpers.commands import cli
from helpers.refinements import refined
from helpers.toys import build_dcgan, draw_image


def refused(**values):
    """The message with which parameters are refused."""
    with pytest.raises(ParamsError) as caught:
        SearchParams.make(values)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "given", "taken"),
    [
        ("refine", "Features", "features"),
        ("refine", " WEIGHTS ", "weights"),
        ("refine", "None", "none"),
        ("refine_lr", "Auto", "auto"),
        ("refine_lr", " AUTO", "auto"),
        ("refine_lr_schedule", "Constant", "constant"),
        ("refine_loss", "LPIPS", "lpips"),
        ("refine_loss", {"L2_full": 1}, {"l2_full": 1.0}),
    ],
)
def test_words_are_taken_in_any_case(name, given, taken):
    assert getattr(SearchParams.make({name: given}), name) == taken


@pytest.mark.parametrize("value", [0.05, 1, 1e-6])
def test_a_rate_is_a_number(value):
    rate = SearchParams.make({"refine_lr": value}).refine_lr
    assert rate == value and type(rate) is float


@pytest.mark.parametrize(
    "value",
    [0, -0.1, float("nan"), float("inf"), True, False, "0.1", "fast", None, [0.1], {"auto": 1}],
    ids=str,
)
def test_what_is_no_rate_is_refused(value):
    message = refused(refine_lr=value)
    assert message.startswith("refine_lr: give auto, or a number above 0")
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "rate"), [("auto", "auto"), ("AUTO", "auto"), ("0.2", 0.2), ("1e-3", 1e-3), ("2", 2.0)]
)
def test_a_rate_from_the_command_line(text, rate):
    assert SearchParams.load(None, [f"refine_lr={text}"]).refine_lr == rate


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (dict(refine="wieghts"), "refine: .*'none', 'features', 'weights' or 'both'"),
        (dict(refine=True), "refine: "),
        (dict(refine_steps=-1), "refine_steps: .*greater than or equal to 0"),
        (dict(refine_steps=1.5), "refine_steps: "),
        (dict(refine_resolution=2), "refine_resolution: .*greater than or equal to 4"),
        (dict(refine_lr_schedule="linear"), "refine_lr_schedule: "),
        (dict(refine_stop=-0.1), "refine_stop: "),
        (dict(refine_stop=float("nan")), "refine_stop: "),
        (dict(refine_locality=-1.0), "refine_locality: "),
        (dict(refine_locality=float("inf"), refine="weights"), "refine_locality: "),
        (dict(refine_loss="l3"), "refine_loss: no loss term 'l3'; there are l2, "),
        (dict(refine_loss={"l2": -1}), "the weight of l2 must be a number, 0 or more"),
        (dict(refine_loss={"l2": 0}), "at least one loss weight must be above 0"),
        (dict(refine_loss={}), "refine_loss: give l2, lpips, or a mapping of weights"),
        (dict(refine_loss="lpips", refine_loss_resolution=16), "refine_loss_resolution: lpips"),
        (dict(refine_step=5), "no parameter named 'refine_step'; did you mean refine_steps"),
    ],
    ids=str,
)
def test_faults_are_told(values, says):
    with pytest.raises(ParamsError, match=says):
        SearchParams.make(values)


@pytest.mark.parametrize("loss", ["l2", {"l2_full": 1.0, "lpips_vgg": 0.0}, {"vgg": 1.0}], ids=str)
def test_a_stop_needs_an_lpips_term(loss):
    said = "refine_stop: refine_loss has no LPIPS term that could be so low"
    assert refused(refine_stop=0.1, refine_loss=loss) == said
    assert SearchParams.make(dict(refine_loss=loss)).refine_stop == 0
    for other in ("lpips", {"l2": 1.0, "lpips_alex": 0.5}):
        assert SearchParams.make(dict(refine_stop=0.1, refine_loss=other)).refine_stop == 0.1


@pytest.mark.parametrize("refine", ["none", "features"])
def test_locality_goes_with_weights(refine):
    message = refused(refine_locality=0.1, refine=refine)
    assert message == "refine_locality: only weights change other images; set refine: weights"
    for other in ("weights", "both"):
        assert SearchParams.make(dict(refine_locality=0.1, refine=other)).refine_locality == 0.1


def test_steps_and_losses_of_a_refinement_count_where_there_is_one():
    params = SearchParams.make(dict(steps=10, refine_steps=5, loss="l2", refine_loss="vgg"))
    assert params.all_steps == 10 and losses_of(params) == ["l2"]
    params = params.replace(refine="both")
    assert params.all_steps == 15 and losses_of(params) == ["l2", "vgg"]


# --- what a generator lacks ---


@pytest.mark.parametrize("refine", ["features", "both"])
@pytest.mark.parametrize("resolution", [64, 32, 17, 5])
def test_a_resolution_that_the_generator_lacks_is_refused_with_those_it_has(
    toy, refine, resolution
):
    _, image = draw_image(toy)
    with pytest.raises(ValueError) as caught:
        refined(toy, image, refine, refine_resolution=resolution)
    assert str(caught.value) == (
        f"refine_resolution: toy has no features at {resolution} pixels; set it to one of 4, 8, 16"
    )


def test_weights_ask_for_no_resolution(toy):
    check_refine(SearchParams.make(dict(refine="weights", refine_resolution=64)), toy)
    check_refine(SearchParams.make(dict(refine="none", refine_resolution=64)), toy)
    with pytest.raises(ValueError, match="this generator has no features at 64"):
        check_refine(SearchParams.make(dict(refine="features")), build_dcgan())


def test_a_run_is_refused_before_any_image_is_begun(toy, toy_params, make_photo, tmp_path, capsys):
    params = toy_params([make_photo(tmp_path / "a.png")], refine="features")
    with pytest.raises(ParamsError, match="features at 64 pixels; set it to one of 4, 8, 16"):
        prepare(params, toy)

    def never(*arguments, **options):
        raise AssertionError("an image was begun")

    with pytest.raises(ParamsError, match="set it to one of 4, 8, 16"):
        run_experiment(params, say=print, invert=never)
    assert not (tmp_path / "run").exists()
    quick = ["--no-align", "--device", "cpu", "--set", f"generator={params.generator}"]
    asked = ["--set", "refine=features", "--out", tmp_path / "run"]
    capsys.readouterr()
    assert cli("invert", tmp_path / "a.png", *quick, *asked) == 2
    said = capsys.readouterr().err
    assert "refine_resolution" in said and "4, 8, 16" in " ".join(said.split())
    assert not (tmp_path / "run").exists()
