"""Results read back from their folders."""

import pytest
import torch

from ganinv.errors import BadArgumentsError
from ganinv.images.pixels import to_uint8
from ganinv.inversion.invert import invert
from ganinv.runs.experiment import run_experiment
from ganinv.runs.results import read_inversion


@pytest.fixture
def results(toy_params, make_photo, tmp_path):
    """What a search returned, by how it went, and the folder that it was saved in."""

    def make(**changes):
        found = []

        def search(*given, **how):
            found.append(invert(*given, **how))
            return found[-1]

        photo = make_photo(tmp_path / "me.png", 0)
        run = run_experiment(toy_params([photo], **changes), say=lambda text: None, invert=search)
        return found[0], run.out / "me"

    return make


REFINED = dict(refine="features", refine_resolution=16, refine_steps=2, refine_loss="l2")


@pytest.mark.parametrize("changes", [{}, {"noise_maps": "optimized"}, REFINED])
def test_a_result_is_read_as_it_was_found(results, changes):
    found, folder = results(**changes)
    again = read_inversion(folder)
    assert torch.equal(again.latent, found.latent) and again.history == found.history
    assert again.noise.keys() == found.noise.keys()
    assert {n: x.tolist() for n, x in again.refinement.items()} == {
        n: x.tolist() for n, x in found.refinement.items()
    }
    assert (to_uint8(again.image) == to_uint8(found.image)).all()
    for name in (
        "best_step",
        "best_loss",
        "evaluations",
        "settings",
        "stopped",
        "generator_sha256",
    ):
        assert getattr(again, name) == getattr(found, name)
    for mine, theirs in ((again.metrics, found.metrics), (again.code_metrics, found.code_metrics)):
        assert mine == pytest.approx(theirs, nan_ok=True)
    assert again.params.steps == found.params.steps


def test_a_folder_saved_by_hand_is_read_too(results, tmp_path):
    found, _ = results()
    again = read_inversion(found.save(tmp_path / "mine"))
    assert torch.equal(again.latent, found.latent) and again.stopped == ""
    searched = again.params.model_dump()
    assert searched == found.params.model_dump(include=searched.keys())


@pytest.mark.parametrize(
    "name", ["latent.safetensors", "record.json", "target.png", "history.json"]
)
def test_what_is_damaged_or_missing_is_told(results, name):
    _, folder = results()
    (folder / name).write_bytes(b"[half")
    with pytest.raises(BadArgumentsError, match="holds no whole result"):
        read_inversion(folder)
    (folder / name).unlink()
    with pytest.raises(BadArgumentsError, match="holds no whole result"):
        read_inversion(folder)
