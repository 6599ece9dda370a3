"""Spaces and starts."""

import pytest
import torch
from safetensors.torch import save_file

import ganinv
from ganinv.inversion.latent_files import load_latent
from ganinv.inversion.spaces import SPACES, check_space
from ganinv.inversion.starts import find_start
from ganinv.seeds import image_rng

BLACK = torch.full((3, 32, 32), -1.0)


def start(generator, space="w+", init="mean_w", *, seed=0, image_id="a", encoder=None):
    rng = image_rng(seed, image_id)
    check_space(space, generator)
    found = find_start(generator, init, target=BLACK, rng=rng, encoder=encoder)
    return SPACES[space].from_start(found, generator)


def search(generator, target, space, **changes):
    quick = dict(loss="l2", steps=8, lr=0.1, precision="float32", compile="off", log_every=0)
    return ganinv.invert(generator, target, space=space, snapshot_every=0, **quick | changes)


# --- spaces -------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", ["mean_w", "random"])
@pytest.mark.parametrize(("space", "rows"), [("w", 1), ("w+", 8)])
def test_a_space_is_the_shape_of_what_is_optimized(toy, space, rows, init):
    latent = start(toy, space, init)
    assert latent.shape == (rows, 32)
    assert SPACES[space].to_ws(latent, toy).shape == (8, 32)
    assert not latent.requires_grad


def test_w_plus_rows_have_memory_of_their_own(toy):
    latent = start(toy, "w+")
    latent[0] += 1
    assert torch.equal(latent[1], toy.w_avg)
    assert torch.equal(start(toy, "w+")[0], toy.w_avg)  # nor is it the generator's own buffer


def test_search_in_w_gives_equal_rows(toy, toy_images):
    latent = search(toy, toy_images[0][0], "w").latent
    assert latent.shape == (8, 32)
    assert torch.equal(latent, latent[:1].expand_as(latent))
    assert not torch.allclose(latent[0], toy.w_avg)


def test_search_in_w_plus_gives_rows_that_differ(toy, toy_images):
    """Fails where W+ is W, as it is in a well-known implementation."""
    latent = search(toy, toy_images[0][0], "w+").latent
    assert latent.shape == (8, 32)
    used = latent[[0, 1, 2, 4, 5, 7]]  # the student lacks the image heads of rows 3 and 6
    for i in range(len(used)):
        for j in range(i):
            assert (used[i] - used[j]).abs().max() > 0.01
    assert torch.equal(latent[[3, 6]], toy.w_avg.expand(2, -1))


def test_w_plus_reaches_what_w_cannot(toy, toy_images):
    _, ws = toy_images
    mixed = torch.cat([ws[0, :4], ws[1, 4:]])[None]  # two styles: outside W
    target = toy.synthesis(mixed)[0]
    in_w = search(toy, target, "w", steps=100).best_loss
    in_w_plus = search(toy, target, "w+", steps=100).best_loss
    assert in_w_plus < in_w / 5


def test_unknown_space_is_refused(toy):
    with pytest.raises(ValueError, match="space"):
        start(toy, "w++")


# --- mean_w and random --------------------------------------------------------------------------


@pytest.mark.parametrize("space", ["w", "w+"])
def test_mean_w_starts_at_the_mean(toy, space):
    latent = start(toy, space)
    assert torch.equal(latent, toy.w_avg.expand_as(latent))


def test_random_start_is_a_mapped_draw(toy):
    """The start is G's own w of a normal z, so it lies at W's usual distance from the mean."""
    latents = torch.cat([start(toy, "w", "random", image_id=str(i)) for i in range(300)])
    assert torch.allclose(latents.mean(0), toy.w_avg, atol=0.3)
    spread = (latents - toy.w_avg).square().sum(1).mean().sqrt()
    assert spread.item() == pytest.approx(toy.w_std.item(), rel=0.1)


def test_random_start_depends_on_seed_and_image_alone(toy):
    first = start(toy, "w+", "random", seed=0, image_id="a")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(123)
        start(toy, "w+", "random", seed=0, image_id="b")
        again = start(toy, "w+", "random", seed=0, image_id="a")
    assert torch.equal(first, again)
    assert torch.allclose(first[:1], start(toy, "w", "random", seed=0, image_id="a"), atol=1e-6)
    assert not torch.equal(first, start(toy, "w+", "random", seed=1, image_id="a"))
    assert not torch.equal(first, start(toy, "w+", "random", seed=0, image_id="b"))


@pytest.mark.parametrize("image_id", ["", "ü", "\udcff", "x" * 500])
def test_any_image_id_seeds(image_id):
    draw = torch.randn(3, generator=image_rng(2**63 - 1, image_id))
    assert torch.equal(draw, torch.randn(3, generator=image_rng(2**63 - 1, image_id)))


def test_seed_and_image_do_not_run_together():
    """Seed 1 of image "1x" is not seed 11 of image "x"."""
    first = torch.randn(3, generator=image_rng(1, "1:x"))
    assert not torch.equal(first, torch.randn(3, generator=image_rng(11, "x")))


# --- saved latents ------------------------------------------------------------------------------


def write_latent(path, latent, name="latent"):
    save_file({name: latent}, path, metadata={"ganinv": '{"generator": "toy"}'})
    return str(path)


def test_saved_latent_round_trips(toy, tmp_path):
    saved = torch.randn(8, 32)
    path = write_latent(tmp_path / "latent.safetensors", saved)
    latent, metadata = load_latent(path)
    assert torch.equal(latent, saved)
    assert metadata == {"ganinv": '{"generator": "toy"}'}
    assert torch.equal(start(toy, "w+", path), saved)


def test_saved_rows_are_averaged_in_w(toy, tmp_path):
    saved = torch.randn(8, 32)
    path = write_latent(tmp_path / "latent.safetensors", saved)
    assert torch.allclose(start(toy, "w", path), saved.mean(0, keepdim=True), atol=1e-6)


def test_one_saved_row_serves_every_style_input(toy, tmp_path):
    saved = torch.randn(1, 32)
    path = write_latent(tmp_path / "latent.safetensors", saved)
    assert torch.equal(start(toy, "w+", path), saved.expand(8, -1))
    assert torch.equal(start(toy, "w", path), saved)


def test_saved_latent_renders_its_image_at_step_zero(toy, toy_images, tmp_path):
    images, ws = toy_images
    path = write_latent(tmp_path / "latent.safetensors", ws[2].contiguous())
    run = search(toy, images[2], "w+", init=path, steps=0)
    assert torch.equal(run.latent, ws[2])
    assert torch.allclose(run.image, images[2], atol=1e-5)


@pytest.mark.parametrize("shape", [(32,), (7, 32), (8, 31), (1, 8, 32), (2, 32), (0, 32)])
@pytest.mark.parametrize("space", ["w", "w+"])
def test_latent_of_another_shape_is_refused(toy, tmp_path, shape, space):
    path = write_latent(tmp_path / "latent.safetensors", torch.zeros(shape))
    with pytest.raises(ValueError, match="shape"):
        start(toy, space, path)


def test_file_without_a_latent_is_refused(toy, tmp_path):
    path = write_latent(tmp_path / "other.safetensors", torch.zeros(8, 32), name="w")
    with pytest.raises(ValueError, match="no tensor named latent"):
        start(toy, "w+", path)


def test_damaged_latent_is_refused(toy, tmp_path):
    path = tmp_path / "latent.safetensors"
    path.write_text("not a latent")
    with pytest.raises(ValueError, match="not a whole"):
        start(toy, "w+", str(path))


def test_absent_latent_is_refused(toy, tmp_path):
    with pytest.raises(ValueError, match="no file"):
        start(toy, "w+", str(tmp_path / "absent.safetensors"))
    with pytest.raises(ValueError, match="mean_w"):
        start(toy, "w+", "mean")


# --- encoders -----------------------------------------------------------------------------------


def test_start_at_an_encoder_needs_one(toy, toy_images):
    with pytest.raises(ValueError, match="encoder"):
        search(toy, toy_images[0][0], "w+", init="encoder")


def test_encoder_sees_the_target_and_its_codes_are_the_start(toy, toy_images):
    images, ws = toy_images
    seen = []

    def encoder(batch):
        seen.append(batch)
        return ws[3:4]

    run = search(toy, images[3], "w+", init="encoder", encoder=encoder, steps=0)
    assert torch.equal(run.latent, ws[3])
    (batch,) = seen
    assert batch.shape == (1, 3, 32, 32)
    assert torch.allclose(batch[0], images[3], atol=1 / 127)  # the 8-bit target


def test_search_starts_at_the_encoders_codes(toy, toy_images):
    images, ws = toy_images
    near = search(toy, images[3], "w+", init="encoder", encoder=lambda batch: ws[3:4], steps=1)
    far = search(toy, images[3], "w+", steps=1)
    assert near.history[0]["loss"] < far.history[0]["loss"] / 100


def test_codes_that_need_gradients_do_not_leak_into_the_search(toy, toy_images):
    images, ws = toy_images
    weight = torch.ones(1, requires_grad=True)
    run = search(toy, images[3], "w", init="encoder", encoder=lambda batch: ws[3:4] * weight)
    assert weight.grad is None
    assert not run.latent.requires_grad


def test_codes_of_another_generator_are_refused(toy, toy_images):
    with pytest.raises(ValueError, match="codes"):
        search(
            toy,
            toy_images[0][0],
            "w+",
            init="encoder",
            encoder=lambda batch: torch.zeros(1, 18, 512),
        )
