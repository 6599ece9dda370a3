"""Loss terms of one's own: functions in place of names."""

import functools

import pytest
import torch

import ganinv
from ganinv.core_yaml import dump_yaml
from ganinv.errors import ParamsError
from ganinv.inversion.params import SearchParams
from ganinv.losses.terms import check_own, name_own, row_of
from helpers.checks import assert_same_bits
from helpers.searches import search
from helpers.yaml_files import write_yaml


def squares(images, target, ws):
    """What l2 is, for images no larger than the loss's resolution."""
    assert images.shape == target.shape and images.shape[:2] == (1, 3) and ws.ndim == 3
    return (images - target).square().mean()


@pytest.mark.parametrize(("optimizer", "lr"), [("adam", 0.1), ("lbfgs", 1.0)])
def test_a_term_of_ones_own_is_minimized_like_one_of_the_table(toy, toy_images, optimizer, lr):
    changes = dict(optimizer=optimizer, lr=lr)
    named, own = (search(toy, toy_images[0][0], loss=x, **changes) for x in ("l2", squares))
    assert own.best_loss == pytest.approx(named.best_loss, rel=1e-4)
    assert torch.allclose(own.latent, named.latent, atol=1e-4)
    assert [row["own:squares"] for row in own.history] == [row["loss"] for row in own.history]
    assert own.params.loss == "own:squares"


def test_it_is_weighed_among_others_and_kept_in_the_history(toy, toy_images):
    def spread(images, target, ws):
        return ws.var()

    loss = {"l2": 2, spread: 0.5, squares: 0}
    run = search(toy, toy_images[0][0], space="w+", loss=loss)
    assert run.params.loss == {"l2": 2.0, "own:spread": 0.5, "own:squares": 0.0}
    for row in run.history:
        assert "own:squares" not in row  # of weight 0
        assert row["loss"] == pytest.approx(2 * row["l2"] + 0.5 * row["own:spread"])
    assert loss == {"l2": 2, spread: 0.5, squares: 0}


def test_what_it_writes_into_reaches_nothing_else(toy, toy_images):
    def careless(images, target, ws):
        value = (images - target).square().mean()
        for x in (images, target, ws):
            x.detach().zero_()
        return value

    def careful(images, target, ws):
        return (images - wanted).square().mean()

    wanted = search(toy, toy_images[0][0], steps=0).target[None]
    runs = [
        search(toy, toy_images[0][0], loss={"l2": 1, term: 1}, steps=1, snapshot_every=1)
        for term in (careless, careful)
    ]
    assert_same_bits(*runs)
    assert torch.equal(runs[0].target, wanted[0])
    assert (runs[0].snapshots[0][1] == runs[1].snapshots[0][1]).all()


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        (lambda images: None, "None"),
        (lambda images: images.mean().item(), "scalar tensor"),
        (lambda images: images.square().mean((2, 3)), r"\(1, 3\).*mean"),
        (lambda images: (images.mean() > 0).long(), "int64.*floats"),
        (lambda images: images.mean() + 0j, "complex64.*floats"),
        (lambda images: images.detach().mean(), "without a gradient"),
        (lambda images: torch.zeros(()), "without a gradient"),
    ],
)
def test_what_cannot_be_minimized_is_refused_by_name(toy, toy_images, returned, says):
    def my_term(images, target, ws):
        return returned(images)

    with pytest.raises(ParamsError, match=says) as caught:
        search(toy, toy_images[0][0], loss={"l2": 1.0, my_term: 0.1})
    assert "own:my_term" in str(caught.value)


def test_a_loss_that_misses_the_latent_is_refused(toy, toy_images):
    own = torch.ones((), requires_grad=True)
    with pytest.raises(ParamsError, match="does not depend on the latent"):
        search(toy, toy_images[0][0], loss=lambda images, target, ws: own.square())


def test_nan_ends_the_search_as_ever(toy, toy_images):
    run = search(toy, toy_images[0][0], loss=lambda images, target, ws: images.mean() * torch.nan)
    assert "the loss became nan at step 1" in run.stopped


def test_its_own_errors_come_through(toy, toy_images):
    def broken(images, target, ws):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        search(toy, toy_images[0][0], loss=broken)


def test_names_are_the_functions_with_a_number_where_needed():
    def other(images, target, ws):
        return ws.sum()

    first, second = (lambda *x: x[0].sum(), lambda *x: x[1].sum())
    other.__name__ = "squares"
    partial, module = functools.partial(squares), torch.nn.Identity()
    loss = {first: 1, squares: 2, "l2": 3, other: 4, second: 5, partial: 6, module: 7}
    named, own = name_own(loss)
    assert named == {
        "own:lambda1": 1,
        "own:squares": 2,
        "l2": 3,
        "own:squares2": 4,
        "own:lambda2": 5,
        "own:squares3": 6,
        "own:Identity": 7,
    }
    assert own["own:squares2"] is other and own["own:lambda2"] is second
    assert name_own("l2") == ("l2", {}) and name_own({"l2": 1}) == ({"l2": 1}, {})


def test_records_name_them_and_files_of_them_say_what_lacks(toy, toy_images, tmp_path):
    run = search(toy, toy_images[0][0], loss={"l2": 1.0, squares: 0.1}, steps=1)
    path = write_yaml(tmp_path, dump_yaml(run.params.model_dump()))
    params = SearchParams.load(path)
    assert params == run.params
    with pytest.raises(ParamsError, match="own:squares is a function that only Python can give"):
        check_own(params.loss)
    with pytest.raises(ParamsError, match="own:squares"):
        ganinv.invert(toy, toy_images[0][0], params)
    again = ganinv.invert(toy, toy_images[0][0], params, loss={"l2": 1.0, squares: 0.1})
    assert_same_bits(run, again)
    check_own({"l2": 1.0, "own:squares": 0.0})
    check_own("own:squares", {"own:squares": squares})
    assert row_of("own:squares").label == "squares (own)"


@pytest.mark.parametrize("name", ["own:", "own:a b", "own:{x}", "own", "OWN:a"])
def test_a_name_that_no_function_has_is_refused(name):
    with pytest.raises(ParamsError, match="no loss term"):
        SearchParams.make({"loss": {name: 1.0}})


@pytest.mark.parametrize("loss", [squares, {"l2": 1.0, squares: 0.1}])
def test_parameters_hold_no_functions(loss):
    with pytest.raises(ParamsError, match="a function is no parameter; give it to ganinv.invert"):
        SearchParams.make({"loss": loss})


@pytest.mark.parametrize("weight", [-1, "1", True, None, float("nan")])
def test_its_weight_is_checked_as_any(toy, toy_images, weight):
    with pytest.raises(ParamsError, match="weight of own:squares"):
        search(toy, toy_images[0][0], loss={"l2": 1.0, squares: weight})
