"""GAN trainings: what is left, what is kept."""

import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from ganinv import load_generator
from ganinv.errors import ParamsError
from ganinv.images.pixels import to_uint8
from ganinv.losses.adversarial import OBJECTIVES, Objective
from ganinv.training.gan.looks import EARLY
from ganinv.training.gan.settings import GanParams
from ganinv.training.gan.train import gan_task
from ganinv.training.gan.train import train_gan as train_gan_on
from ganinv.training.gan.trouble import find_trouble
from ganinv.training.loop import step_rng, train
from helpers.checks import strict_json
from helpers.tensors import quiet, seeded
from helpers.tiny_gans import SIZE, TINY, discs

LEARNT = TINY | dict(
    steps=200,
    width=8,
    batch=16,
    lr_generator=1e-3,
    lr_discriminator=1e-3,
    ema=200,
    grid=4,
    measure_count=32,
    save_every=100,
    seed=3,
)


FILES = {"params.yaml", "checkpoint.safetensors", "history.json", "card.json"}


@pytest.fixture
def learnt(tmp_path, train_gan):
    params = GanParams.make(LEARNT | dict(out=str(tmp_path / "run")))
    said = []
    path = train_gan(params, say=said.append)
    return path.parent, strict_json(path.parent / "history.json"), said


def test_a_training_learns_and_leaves_all_that_was_promised(learnt, measures, build):
    folder, history, said = learnt
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    pictures = {f"samples/step_{step:06d}.png" for step in (0, *EARLY, 200) if step <= 200}
    assert found == FILES | pictures | {"generator.safetensors"}
    params = GanParams.load(folder / "params.yaml")
    assert params.model_dump() == GanParams().model_dump() | LEARNT | {"out": str(folder)}

    # history
    assert [row["step"] for row in history] == list(range(201))
    assert [row["seconds"] for row in history] == sorted(row["seconds"] for row in history)
    names = {
        "discriminator",
        "generator",
        "real",
        "fake",
        "generator_gradient",
        "discriminator_gradient",
    }
    assert all(names <= row.keys() for row in history[1:])
    looks = {row["step"]: row for row in history if "fid" in row}
    assert looks.keys() == {0, 100, 200}
    assert looks[200]["fid"] < 0.5 * looks[0]["fid"]
    assert looks[200]["spread"] > 0.3 > looks[0]["spread"]
    assert any("step 200/200" in text and "fid" in text for text in said)

    # what was measured: the same real images at each look, as many drawn ones
    assert [len(x) for x in measures[0][:2]] == [32, 32]
    assert all(torch.equal(real, measures[0][0]) and seed == 3 for real, _, seed in measures)

    # the card
    card = strict_json(folder / "card.json")
    file = (folder / "generator.safetensors").read_bytes()
    assert card["sha256"] == hashlib.sha256(file).hexdigest() and card["bytes"] == len(file)
    pixels = hashlib.sha256(discs().tobytes()).hexdigest()
    assert card["images"] == {"name": "discs", "count": 40, "sha256": pixels}
    assert card["steps"] == 200 and card["seconds"] == history[-1]["seconds"]
    figures = ("spread", "fid", "kid", "precision", "recall", "diversity")
    assert card["figures"] == {name: looks[200][name] for name in figures}
    assert card["trouble"] == [] and card["discriminator_norm"] == "batch"
    assert card["environment"]["seed"] == 3 and card["params"]["lr_generator"] == 1e-3

    # the generator: the picture shows what it draws from the same z at every look
    generator = load_generator(folder / "generator.safetensors")
    assert (generator.resolution, generator.z_dim) == (SIZE, 8)
    networks = build(params)
    with torch.no_grad():
        images = generator(networks.draw_z(16, step_rng(params, "grid")))
    with Image.open(folder / "samples" / "step_000200.png") as picture:
        pixels = np.array(picture)
    assert pixels.shape == (4 * SIZE, 4 * SIZE, 3)
    for i, image in enumerate(images):
        top, left = i // 4 * SIZE, i % 4 * SIZE
        cell = pixels[top : top + SIZE, left : left + SIZE].astype(int)
        assert abs(cell - to_uint8(image)).max() <= 1


def test_what_is_kept_is_the_average_with_statistics_of_its_own(quick, build):
    params = quick(steps=4, ema=100.0, lr_generator=1e-2)
    networks = build(params)
    loaded = load_generator(train(gan_task(networks, quiet, None), params, say=quiet))
    average, raw = networks.average.state_dict(), networks.generator.state_dict()
    assert all(torch.equal(x, average[name]) for name, x in loaded.state_dict().items())
    assert not torch.equal(average["up.0.weight"], raw["up.0.weight"])
    zs = networks.draw_z(2048, step_rng(params, "statistics"))
    with torch.no_grad():
        x = loaded.project(zs).view(-1, 4, 4, 8).permute(0, 3, 1, 2)
    assert torch.allclose(loaded.norms[0].running_mean, x.mean((0, 2, 3)), atol=1e-4)
    assert torch.allclose(loaded.norms[0].running_var, x.var((0, 2, 3)), rtol=0.02)


def test_without_an_average_the_generators_own_weights_are_kept(quick, build):
    params = quick(ema=0.0, steps=2)
    networks = build(params)
    train(gan_task(networks, quiet, None), params, say=quiet)
    pairs = zip(networks.average.parameters(), networks.generator.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_real_images_are_the_sets_own_half_of_them_mirrored(quick, sets, build):
    networks = build(quick())
    drawn = networks.draw_real(200, seeded(), True)
    assert drawn.dtype == torch.float32 and drawn.is_contiguous(memory_format=torch.channels_last)
    # discs are as their mirrors: a set that is not
    sets["discs"] = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), np.uint8)
    networks = build(quick())
    drawn = networks.draw_real(200, seeded(), True)
    images = torch.from_numpy(sets["discs"]).permute(0, 3, 1, 2) / 127.5 - 1
    straight = [[torch.equal(x, y) for y in images] for x in drawn]
    mirrored = [[torch.equal(x, y.flip(2)) for y in images] for x in drawn]
    assert (np.sum(straight, 1) + np.sum(mirrored, 1)).tolist() == [1] * 200
    assert 70 < np.sum(mirrored) < 130
    assert (np.sum(straight, 0) + np.sum(mirrored, 0)).min() > 20
    plain = networks.draw_real(50, seeded(), False)
    assert all(any(torch.equal(x, y) for y in images) for x in plain)


def test_each_network_has_the_rate_and_betas_asked_for(quick, build):
    params = quick(lr_generator=1e-3, lr_discriminator=4e-3, beta1=0.1, beta2=0.7)
    networks = build(params)
    groups = [adam.param_groups[0] for adam in networks.optimizers.values()]
    assert [group["lr"] for group in groups] == [1e-3, 4e-3]
    assert [group["betas"] for group in groups] == [(0.1, 0.7)] * 2
    weights = [group["params"] for group in groups]
    assert weights[0][0] is next(networks.generator.parameters())
    assert weights[1][0] is next(networks.discriminator.parameters())


def test_images_that_cannot_be_used_are_told(quick, tmp_path, train_gan):
    with pytest.raises(ParamsError, match="there is no folder nowhere"):
        train_gan(quick(images="nowhere"), say=quiet)
    assert not (tmp_path / "run").exists()


def test_the_global_random_state_is_left_alone(quick, train_gan):
    before = torch.get_rng_state()
    train_gan(quick(steps=1), say=quiet)
    assert torch.equal(torch.get_rng_state(), before)


def square_discriminator(real, fake):
    """A toy objective: scores are to be 1 and -1."""
    return (real - 1).square().mean() + (fake + 1).square().mean()


def square_generator(fake):
    """Its generator's: scores are to be 1."""
    return (fake - 1).square().mean()


def test_an_objective_joins_by_its_row(quick, train_gan, monkeypatch):
    row = Objective(
        label="toy",
        discriminator=square_discriminator,
        generator=square_generator,
        params="gan_toy.yaml",
        penalized=True,
        norm="layer",
    )
    monkeypatch.setitem(OBJECTIVES, "toy", row)
    path = train_gan(quick(objective="toy", steps=2), say=quiet)
    rows = strict_json(path.parent / "history.json")
    assert [row["step"] for row in rows] == [0, 1, 2] and rows[2]["penalty"] > 0
    assert rows[1]["discriminator"] != rows[2]["discriminator"]
    assert strict_json(path.parent / "card.json")["discriminator_norm"] == "layer"
    assert load_generator(path).resolution == SIZE
    assert find_trouble(rows, "toy") == {}


def falling_until(step):
    """Measures by which the samples get better until a step, then worse."""

    def measured_by(networks):
        looks = iter(range(0, 100))

        def measure(samples):
            return {"fid": float(abs(next(looks) - step)), "kid": 0.0}

        return measure

    return measured_by


def test_with_patience_a_training_ends_when_fid_falls_no_more(quick, sets, tmp_path):
    """Looks at 1, 2, 3, …, of which the third is the best: two more, and it is over."""
    shared = dict(measure_count=8, save_every=1, steps=30)
    params, said = quick(patience=2, **shared), []
    given = dict(load_images=sets.load, measured_by=falling_until(3))
    path = train_gan_on(params, say=said.append, **given)
    rows = strict_json(path.parent / "history.json")
    assert [row["step"] for row in rows] == [0, 1, 2, 3, 4, 5]
    card = strict_json(path.parent / "card.json")
    assert card["steps"] == 3 and card["figures"]["fid"] == 0.0
    third = train_gan_on(
        quick(**shared | dict(steps=3), out=str(tmp_path / "three")), say=quiet, **given
    )
    assert third.read_bytes() == path.read_bytes()
    before = path.read_bytes()
    assert train_gan_on(params, say=quiet, **given).read_bytes() == before  # it stays ended
    assert len(strict_json(path.parent / "history.json")) == 6
    train_gan_on(
        quick(patience=4, **shared), say=quiet, **given | dict(measured_by=falling_until(0))
    )
    assert strict_json(path.parent / "history.json")[-1]["step"] == 7  # it goes on
