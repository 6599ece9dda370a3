"""Trainings of the encoder of the toy: what they leave, what every choice does."""

import copy
import hashlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from skimage import data

from ganinv.encoders.load import load_encoder
from ganinv.images.alignment import load_image
from ganinv.losses.lpips import load_lpips
from ganinv.seeds import image_rng
from ganinv.training.encoder.batches import draw_batch
from ganinv.training.encoder.draws import Photographs, change, draw_ws
from ganinv.training.encoder.looks import draw_held_out
from ganinv.training.encoder.settings import EncoderParams
from ganinv.training.encoder.train import encoder_task, train_encoder
from ganinv.training.loop import train
from helpers.checks import strict_json
from helpers.encoders import TRAINED, build, held_out
from helpers.tensors import assert_same, eight_bits, noise, quiet
from helpers.toys import build_toy


def test_fit_comes_nearer_than_the_mean(looks):
    assert looks[0]["held_out_error"] < 0.8  # of mean_w's
    assert looks[0]["held_out_lpips"] < 0.85 * looks[0]["mean_w_lpips"]


def test_steps_come_nearer_than_the_fit(looks):
    assert looks[45]["held_out_error"] < 0.88 * looks[0]["held_out_error"]
    assert looks[45]["held_out_error"] < 0.6
    assert looks[45]["held_out_lpips"] < 0.87 * looks[0]["held_out_lpips"]
    assert looks[45]["held_out_lpips"] < 0.65 * looks[45]["mean_w_lpips"]
    assert looks[45]["held_out_psnr"] > looks[0]["held_out_psnr"] + 0.4


def test_folder_holds_all_that_was_promised(trained):
    found = {str(path.relative_to(trained)) for path in trained.rglob("*") if path.is_file()}
    pictures = {f"samples/step_{step:06d}.png" for step in (0, 20, 40, 45)}
    files = {"params.yaml", "checkpoint.safetensors", "history.json", "card.json"}
    assert found == files | pictures | {"encoder.safetensors"}
    params = EncoderParams.load(trained / "params.yaml")
    assert params.model_dump(include=set(TRAINED)) == TRAINED


def test_history_has_every_step_and_losses_are_the_weighted_sums(trained):
    rows = strict_json(trained / "history.json")
    assert [row["step"] for row in rows] == list(range(46))
    seconds = [row["seconds"] for row in rows]
    assert seconds == sorted(seconds)
    names = ("pixels", "features", "latent", "adversarial", "offsets")
    params = EncoderParams.load(trained / "params.yaml")
    for row in rows[1:]:
        total = sum(getattr(params, name) * row[name] for name in names)
        assert row["loss"] == pytest.approx(total, rel=1e-5)
    assert [row["step"] for row in rows if "r1" in row] == list(range(1, 46, 4))
    assert rows[1]["offsets"] == 0 < rows[-1]["offsets"]


def test_card_describes_the_file(trained, toy_path, looks):
    card, file = strict_json(trained / "card.json"), trained / "encoder.safetensors"
    assert card["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert card["bytes"] == file.stat().st_size
    sha256 = hashlib.sha256(toy_path.read_bytes()).hexdigest()
    assert card["generator"] == {"name": "toy", "sha256": sha256}
    assert (card["steps"], card["images_drawn"], card["photographs"]) == (45, 300 + 45 * 4, 0)
    assert card["seconds"] == looks[45]["seconds"] > 0
    assert card["held_out"] == {name: looks[45][name] for name in card["held_out"]}
    assert card["held_out_images"] == {"count": 16, "truncation": 0.8}
    assert card["params"]["lr"] == 0.3 and card["params"]["seed"] == 1
    assert card["environment"]["device"] == "cpu" and card["environment"]["seed"] == 1


@torch.no_grad()
def test_published_encoder_does_what_the_card_says(trained, toy):
    images, _ = held_out(toy)
    codes = load_encoder(trained / "encoder.safetensors")(images)
    assert codes.shape == (16, 8, 32)
    mean = eight_bits(toy.synthesis(toy.w_avg.expand(1, 8, 32)))
    rendered = eight_bits(toy.synthesis(codes))
    lpips = load_lpips("vgg", torch.device("cpu"))
    said = strict_json(trained / "card.json")["held_out"]
    errors = (rendered - images).square().mean((1, 2, 3))
    error = errors.mean() / (mean - images).square().mean()
    assert error.item() == pytest.approx(said["held_out_error"], rel=0.02)
    psnr = (10 * torch.log10(4 / errors)).mean().item()
    assert psnr == pytest.approx(said["held_out_psnr"], abs=0.1)
    assert lpips(rendered, images).mean().item() == pytest.approx(said["held_out_lpips"], rel=0.02)
    away = lpips(mean.expand_as(images), images).mean().item()
    assert away == pytest.approx(said["mean_w_lpips"], rel=1e-3)


@torch.no_grad()
def test_pictures_show_held_out_images_above_what_came_back(trained, toy):
    images, _ = held_out(toy)
    with Image.open(trained / "samples" / "step_000045.png") as picture:
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 127.5 - 1
    assert pixels.shape == (3, 64, 192)
    above, below = (torch.stack(row.split(32, 2)) for row in pixels.split(32, 1))
    assert (above - images[:6]).abs().max() < 0.02
    codes = load_encoder(trained / "encoder.safetensors")(images[:6])
    assert (below - eight_bits(toy.synthesis(codes))).abs().max() < 0.05


def test_codes_of_the_encoder_tell_images_apart(trained, toy):
    images, ws = held_out(toy)
    with torch.no_grad():
        codes = load_encoder(trained / "encoder.safetensors")(images)
    found, there = codes.mean(1) - toy.w_avg, ws[:, 0] - toy.w_avg
    likeness = F.cosine_similarity(found[:, None], there, dim=2)  # (16, 16)
    assert (likeness.argmax(1) == torch.arange(16)).sum() >= 7  # by chance it were one


@pytest.mark.parametrize(
    ("changes", "absent", "present"),
    [
        ({"adversarial": 0}, ("adversarial", "discriminator", "r1"), ("latent",)),
        ({"latent": 0}, ("latent",), ("adversarial", "discriminator")),
        ({"clean": 0}, ("latent",), ("adversarial", "r1")),
        ({"change": 0, "mixing": 1}, (), ("latent", "adversarial")),
        ({"pixels": 0, "features": 0, "offsets": 0}, (), ("pixels", "features", "offsets")),
        ({"truncation_min": 0, "truncation_max": 0}, (), ("latent",)),
        ({"discriminator_resolution": 8, "r1_gamma": 0}, (), ("discriminator", "r1")),
    ],
    ids=str,
)
def test_every_choice_trains(quick, tmp_path, changes, absent, present):
    path = train_encoder(quick(**dict(batch=4, clean=0.5) | changes), say=quiet)
    rows = strict_json(tmp_path / "run" / "history.json")
    noted = set().union(*rows)
    assert rows[-1]["step"] == 2 and noted.issuperset(present) and noted.isdisjoint(absent)
    assert load_encoder(path)(noise(0)).isfinite().all()


def test_without_the_adversary_it_learns_nothing(quick):
    for weight in (0, 0.1):
        networks = build(quick(adversarial=weight))
        before = copy.deepcopy(networks.discriminator.state_dict())
        train(encoder_task(networks, quiet), networks.params, fresh=True, say=quiet)
        after = networks.discriminator.state_dict()
        same = [torch.equal(before[name], after[name]) for name in before]
        assert all(same) if not weight else not any(same)


def test_photographs_are_mixed_in(quick, tmp_path):
    """One photograph with a face in it, and two more made of it."""
    folder, astronaut = tmp_path / "photos", data.astronaut()
    for name, picture in {"a": astronaut, "b": astronaut[:, ::-1], "c": astronaut // 2}.items():
        folder.mkdir(exist_ok=True)
        Image.fromarray(picture).save(folder / f"{name}.png")
    params = quick(batch=6, clean=0.5, change=0.0, photographs=str(folder), photograph_share=0.4)
    train_encoder(params, say=quiet)
    assert strict_json(tmp_path / "run" / "card.json")["photographs"] == 3
    networks, photographs = build(params), Photographs([folder], 32, quiet)
    batch = draw_batch(networks, photographs, 7)
    assert batch.images.shape == (6, 3, 32, 32) and batch.ws.shape == (6, 8, 32)
    assert batch.known == 2
    with torch.no_grad():
        drawn = eight_bits(networks.generator.synthesis(batch.ws[:3]))
    assert (batch.images[:3] - drawn).abs().max() < 0.01
    rng = image_rng(params.seed, "step/7")
    draw_ws(networks.generator, 6, rng, truncation=(0.5, 1.0), mixing=0.4)
    chosen = photographs.draw(3, rng)
    known = [load_image(path, 32, align=True) for path in sorted(folder.iterdir())]
    assert all(any(torch.equal(x, y) for y in known) for x in chosen)
    assert torch.equal(batch.images[3:], change(chosen, rng, 0.2))


def test_batches_depend_on_the_step_and_the_seed_alone(quick):
    networks, other = build(quick()), build(quick(seed=1))
    first, again = draw_batch(networks, None, 3), draw_batch(build(quick()), None, 3)
    assert torch.equal(first.images, again.images) and torch.equal(first.ws, again.ws)
    assert not torch.equal(first.ws, draw_batch(networks, None, 4).ws)
    assert not torch.equal(first.ws, draw_batch(other, None, 3).ws)
    assert not torch.equal(draw_held_out(networks).images, draw_held_out(other).images)


def test_training_leaves_the_generator_and_the_global_seed_alone(quick):
    generator, torch_state = build_toy(), torch.get_rng_state()
    before = {name: x.clone() for name, x in generator.state_dict().items()}
    networks = build(quick(batch=4, fit_samples=176), generator)
    train(encoder_task(networks, quiet), networks.params, say=quiet)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert_same(generator.state_dict(), before)
    assert all(p.grad is None and not p.requires_grad for p in generator.parameters())


def test_progress_is_told_every_so_often(quick):
    said = []
    train_encoder(quick(steps=4, log_every=2, batch=4, clean=0.5), say=said.append)
    assert [text.split()[1] for text in said] == ["2/4", "4/4"]
    assert all("loss" in text and "latent" in text for text in said)
