"""Ctrl-C during a run: what is kept, and how it goes on."""

import functools

import pytest

import ganinv
from ganinv.inversion.latent_files import load_latent
from ganinv.runs.experiment import run_experiment
from helpers.checks import strict_json


def interrupted_at(image_id_wanted, step):
    """An `invert` that is interrupted at a step of one image."""

    def stop(state):
        if state.step == step:
            raise KeyboardInterrupt

    def invert(*args, image_id, **options):
        callback = stop if image_id == image_id_wanted else None
        return ganinv.invert(*args, image_id=image_id, callback=callback, **options)

    return invert


@pytest.mark.parametrize("keep", [False, True])
def test_an_interrupt_keeps_the_running_image_where_asked(
    toy_params, photos, tmp_path, inverted, silent, keep
):
    run = functools.partial(run_experiment, toy_params(photos, steps=8), say=silent)
    with pytest.raises(KeyboardInterrupt):
        run(keep_interrupted=keep, invert=interrupted_at("b", 5))
    metrics = strict_json(tmp_path / "run" / "metrics.json")
    assert set(metrics["images"]) == {"a"}
    latent = tmp_path / "run" / "b" / "latent.safetensors"
    assert latent.is_file() is keep
    if keep:
        assert "interrupted at step 5 of 8" in metrics["failed"]["b"]
        assert load_latent(latent)[0].shape == (8, 32)
        assert len(strict_json(latent.with_name("history.json"))) == 5
    assert run(invert=inverted).failed == {}
    assert inverted == ["b"]
    assert set(strict_json(tmp_path / "run" / "metrics.json")["images"]) == {"a", "b"}
