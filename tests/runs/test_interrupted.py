"""Ctrl-C during a run: what is kept, and how it goes on."""

import functools

import pytest

import ganinv
from ganinv.editing.sources import find_latents
from ganinv.errors import BadArgumentsError
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


def test_a_shorter_search_does_not_replace_a_nearer_one(toy_params, photos, tmp_path, silent):
    said = []
    run = functools.partial(
        run_experiment, toy_params(photos[:1], steps=8), keep_interrupted=True, say=said.append
    )
    latent, loss = tmp_path / "run" / "a" / "latent.safetensors", []
    for step in (6, 2, 7):
        with pytest.raises(KeyboardInterrupt):
            run(invert=interrupted_at("a", step))
        loss.append((latent.read_bytes(), strict_json(latent.with_name("record.json"))))
    (first, long), (second, short), (third, longer) = loss
    assert second == first != third
    assert short["best_loss"] == long["best_loss"] > longer["best_loss"]
    assert "interrupted at step 2 of 8" in short["failed"] and "a lower loss" in short["failed"]
    assert longer["best_step"] > long["best_step"] == short["best_step"]


def test_a_nearer_one_of_other_parameters_is_replaced(toy_params, photos, tmp_path, silent):
    run = functools.partial(run_experiment, keep_interrupted=True, say=silent)
    for steps, step in ((8, 6), (9, 2)):
        with pytest.raises(KeyboardInterrupt):
            run(toy_params(photos[:1], steps=steps), invert=interrupted_at("a", step))
    record = strict_json(tmp_path / "run" / "a" / "record.json")
    assert "interrupted at step 2 of 9" in record["failed"] and record["best_step"] <= 2


def test_what_an_interrupt_kept_is_shown_and_found(toy_params, photos, tmp_path, silent):
    run = functools.partial(run_experiment, toy_params(photos, steps=8), say=silent)
    with pytest.raises(KeyboardInterrupt):
        run(keep_interrupted=True, invert=interrupted_at("a", 5))
    page = (tmp_path / "run" / "index.html").read_text()
    assert 'src="a/panel.png"' in page and 'href="a/latent.safetensors"' in page
    with pytest.raises(BadArgumentsError, match="search of a ended early, and .*run/a has"):
        find_latents(tmp_path / "run")
    assert [name for name, _ in find_latents(tmp_path / "run" / "a")] == ["a"]


def test_starting_over_says_what_goes_and_leaves_no_page_of_it(toy_params, photos, tmp_path):
    out, said = tmp_path / "run", []
    run_experiment(toy_params(photos, steps=3), say=said.append)
    with pytest.raises(KeyboardInterrupt):
        run_experiment(
            toy_params(photos[:1], steps=8),
            fresh=True,
            say=said.append,
            invert=interrupted_at("a", 2),
        )
    assert [text for text in said if "as --fresh asks: a, b" in text]
    gone = ("metrics.json", "metrics.csv", "index.html", "contact_sheet.jpg", "a/record.json")
    assert not [name for name in gone if (out / name).exists()]
