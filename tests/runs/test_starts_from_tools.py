"""A run whose photographs begin with latents in another tool's file."""

import pytest
import torch

from ganinv.errors import ParamsError
from ganinv.inversion.latent_files import GeneratorFile, load_latent, save_latent
from ganinv.runs.checks import check_run
from ganinv.runs.experiment import run_experiment
from ganinv.runs.params import Params
from ganinv.runs.plan import settings_key
from helpers import foreign_latents as tools

WS = torch.randn(2, 8, 32, generator=torch.Generator().manual_seed(5))


def found(run, names="ab"):
    return torch.stack([load_latent(run.out / x / "latent.safetensors")[0] for x in names])


@pytest.fixture
def begin(toy_params, photos, tmp_path, silent):
    """A function that runs without a step from a file, on a.png and b.png."""

    def run(path, images=photos, fresh=False, **changes):
        given = dict(space="w+", init=str(path), steps=0) | changes
        return run_experiment(toy_params(images, **given), fresh=fresh, say=silent)

    run.folder = tmp_path
    return run


@pytest.mark.parametrize("tool", [tools.rosinality, tools.e4e, tools.e4e_by_name])
def test_each_photograph_begins_with_its_own(begin, tool):
    path = begin.folder / "latents.pt"
    tool(path, WS)
    run = begin(path)
    assert run.failed == {} and torch.equal(found(run), WS)
    assert begin(path).seconds < 5  # finished, and known again


def test_one_latent_is_every_photographs(begin):
    tools.nvidia(begin.folder / "projected_w.npz", WS)
    assert torch.equal(found(begin(begin.folder / "projected_w.npz")), WS[[0, 0]])


def test_a_latent_of_a_file_is_written_to_the_parameters_as_seen_from_the_run(begin):
    path = begin.folder / "latents.pt"
    tools.e4e(path, WS)
    run = begin(f"{path}:1")
    assert torch.equal(found(run), WS[[1, 1]])
    params = Params.load(run.out / "params.yaml")
    assert "init: ../latents.pt:1" in (run.out / "params.yaml").read_text()
    check_run(params)
    assert params.init == str(run.out.parent / "latents.pt:1")


def test_a_photograph_that_a_file_does_not_name_fails_alone(begin, make_photo, photos):
    path = begin.folder / "latents.pt"
    tools.e4e_by_name(path, WS)
    other = make_photo(begin.folder / "photos" / "zz.png", 7)
    run = begin(path, [*photos, other])
    assert list(run.results["images"]) == ["a", "b"] and "none of zz" in run.failed["zz"]
    with pytest.raises(ParamsError, match="none of zz"):
        begin(path, [other], out=str(begin.folder / "other"))


def test_a_stack_for_other_photographs_is_refused_at_once(begin, photos):
    path = begin.folder / "latents.pt"
    tools.e4e(path, WS)
    with pytest.raises(ParamsError, match="holds 2 latents.* 1 is inverted"):
        begin(path, photos[:1])
    assert not (begin.folder / "run").exists()


def test_another_place_in_the_stack_is_another_start(begin, photos, make_photo):
    """The same photograph, now second: its result of before began from another latent."""
    path = begin.folder / "latents.pt"
    tools.e4e(path, WS)
    begin(path)
    first = make_photo(begin.folder / "photos" / "0.png", 7)
    run = begin(path, [first, photos[0]])
    assert "began from another latent" in run.failed["a"]
    assert torch.equal(found(begin(path, [first, photos[0]], fresh=True), "0a"), WS)


def test_the_switch_for_other_generators_is_no_part_of_a_result(begin):
    path = begin.folder / "latent.safetensors"
    save_latent(path, WS[0], GeneratorFile("someone's", "ab12cd34" * 8))
    with pytest.raises(ParamsError, match="someone's .* not with toy .* init_any"):
        begin(path)
    params = begin(path, init_any=True).params
    assert settings_key(params, {}) == settings_key(params.replace(init_any=False), {})


def test_one_of_several_calls_begins_with_the_same_latents(begin, toy_params, photos, silent):
    """A latent goes by the number of a photograph among all, not among those of the call."""
    path = begin.folder / "latents.pt"
    tools.e4e(path, WS)
    params = toy_params(photos, space="w+", init=str(path), steps=0)
    run = run_experiment(params, only={"b"}, say=silent)
    assert run.failed == {} and torch.equal(found(run, "b"), WS[1:])
