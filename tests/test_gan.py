"""The training of a GAN: parameters, resuming to the bit, what is left, what is said."""

import hashlib
import math

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import ganinv.training.gan.train
import ganinv.training.gan.trouble
from ganinv import load_generator
from ganinv.cli.main import main
from ganinv.errors import ParamsError
from ganinv.generators.dcgan import DCGAN
from ganinv.images.pixels import to_uint8
from ganinv.losses.adversarial import OBJECTIVES
from ganinv.params import dump_yaml, read_yaml
from ganinv.paths import project_root
from ganinv.training.checkpoint import read_notes
from ganinv.training.gan.settings import GanParams
from ganinv.training.gan.train import GanTraining, train_gan
from ganinv.training.gan.trouble import find_trouble, spread, tell_trouble
from helpers.checks import strict_json

SIZE = 16
TINY = dict(
    images="discs",
    resolution=SIZE,
    width=4,
    z_dim=8,
    batch=8,
    steps=6,
    grid=3,
    measure_count=0,
    device="cpu",
    precision="float32",
    log_every=0,
    save_every=100,
)
FILES = {"params.yaml", "checkpoint.safetensors", "history.json", "card.json"}


def discs(count=40, size=SIZE, seed=0):
    """Discs of many colours on dark grounds: uint8 (count, size, size, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    images = []
    for _ in range(count):
        inside = (x**2 + y**2 < (size * rng.uniform(0.2, 0.45)) ** 2)[..., None]
        images.append(np.where(inside, rng.integers(60, 255, 3), rng.integers(0, 60, 3)))
    return np.array(images, np.uint8)


@pytest.fixture(autouse=True)
def sets(monkeypatch):
    """The sets that trainings read: {name: array}; only these are known."""
    known = {"discs": discs()}

    def load_image_set(images, size, *, say):
        array = known.get(images)
        if array is None:
            raise ParamsError(f"there is no folder {images}")
        assert array.shape[1:] == (size, size, 3)
        return array

    monkeypatch.setattr(ganinv.training.gan.train, "load_image_set", load_image_set)
    return known


@pytest.fixture(autouse=True)
def measures(monkeypatch):
    """Features are mean colours: what is compared with what can be told from them."""
    compared = []

    def set_features(images, device="cpu"):
        assert images.dtype == np.uint8 and images.shape[1:] == (SIZE, SIZE, 3)
        return torch.from_numpy(images).float().mean((1, 2)) / 255

    def compare_sets(real, fake, *, seed):
        compared.append((real, fake, seed))
        distance = (real.mean(0) - fake.mean(0)).norm().item()
        return {"fid": distance, "kid": distance / 2, "precision": 0.5, "recall": 0.25}

    monkeypatch.setattr(ganinv.training.gan.train, "set_features", set_features)
    monkeypatch.setattr(ganinv.training.gan.train, "compare_sets", compare_sets)
    monkeypatch.setattr(ganinv.training.gan.train, "diversity", lambda real, fake: 0.75)
    return compared


@pytest.fixture
def quick(tmp_path):
    """A function that makes the parameters of a training of six steps into tmp_path/run."""
    return lambda **changes: GanParams.make(TINY | dict(out=str(tmp_path / "run")) | changes)


def quiet(text):
    pass


# --- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"steps": -1},
        {"batch": 1},
        {"resolution": 48},
        {"resolution": 4},
        {"width": 0},
        {"z_dim": 0},
        {"objective": "vanilla"},
        {"spectral_norm": "on"},
        {"gp_weight": -1.0},
        {"critic_steps": 0},
        {"lr_generator": 0.0},
        {"lr_discriminator": math.inf},
        {"beta1": 1.0},
        {"beta2": -0.1},
        {"ema": -1.0},
        {"flip": "no"},
        {"measure_count": -1},
        {"grid": 1},
        {"measure_count": 7},
        {"measure_count": 8, "resolution": 8},
        {"seed": -1},
        {"device": "tpu"},
        {"precision": "half"},
        {"save_every": 0},
        {"lr": 0.1},
    ],
    ids=str,
)
def test_a_value_that_cannot_be_used_is_refused_by_its_name(fault):
    with pytest.raises(ParamsError, match=next(iter(fault))):
        GanParams.make(fault)


def test_every_objective_can_be_asked_for():
    for name in OBJECTIVES:
        assert GanParams.make({"objective": name}).objective == name
    with pytest.raises(ParamsError) as error:
        GanParams.make({"objective": "?"})
    assert all(f"'{name}'" in str(error.value) for name in OBJECTIVES)


def test_published_parameters_are_one_per_objective_and_those_of_the_papers():
    files = sorted((project_root() / "params").glob("gan_*.yaml"))
    found = {path.stem: GanParams.load(path) for path in files}
    assert {params.objective for params in found.values()} == OBJECTIVES.keys()
    assert len({params.out for params in found.values()}) == len(files)
    for path, params in zip(files, found.values(), strict=True):
        assert params.model_dump() == GanParams().model_dump() | read_yaml(path)
        assert params.images == "faces" and params.seed == 0
    wgan = found["gan_wgan_gp"]  # algorithm 1 of arXiv 1704.00028
    assert (wgan.gp_weight, wgan.critic_steps, wgan.lr_discriminator) == (10, 5, 1e-4)
    assert (wgan.beta1, wgan.beta2) == (0, 0.9)
    assert found["gan_hinge_sn"].spectral_norm and not wgan.spectral_norm


def test_normalization_follows_the_objective():
    norms = {name: GanParams.make({"objective": name}).norm for name in OBJECTIVES}
    assert norms.pop("wgan-gp") == "layer" and set(norms.values()) == {"batch"}
    for name in OBJECTIVES:
        chosen = {"objective": name, "spectral_norm": True}
        assert GanParams.make(chosen).norm == "none"


# --- resuming -----------------------------------------------------------------------------------


def weights_of(folder):
    return load_file(folder / "checkpoint.safetensors")


CHOICES = [{"objective": name} for name in OBJECTIVES]
CHOICES += [
    {"objective": "hinge", "spectral_norm": True},
    {"objective": "wgan-gp", "critic_steps": 2},
    {"precision": "bf16"},
    {"beta1": 0.9},
    {"objective": "wgan-gp", "spectral_norm": True, "precision": "bf16"},
]


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_six_steps_are_three_and_three_to_the_bit(quick, tmp_path, choice):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    train_gan(quick(out=str(whole), **choice), say=quiet)
    train_gan(quick(out=str(halves), steps=3, **choice), say=quiet)
    three = weights_of(halves)
    said = []
    torch.manual_seed(99)  # nothing depends on the global state
    path = train_gan(quick(out=str(halves), **choice), say=said.append)
    assert said[0] == "going on from step 3"
    a, b = weights_of(whole), weights_of(halves)
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []
    moved = [name for name in a if not torch.equal(a[name], three[name])]
    assert {name.partition(".")[0] for name in moved} == {
        "generator",
        "discriminator",
        "average",
        "adam_generator",
        "adam_discriminator",
    }
    if choice.get("spectral_norm"):
        assert any(name.endswith("_u") for name in moved)
    rows = [strict_json(folder / "history.json") for folder in (whole, halves)]
    for row in (row for history in rows for row in history):
        del row["seconds"]
    for row in (rows[0][3], rows[1][3]):  # where the first half was looked at
        row.pop("spread", None), row.pop("trouble", None)
    assert rows[0] == rows[1]
    bytes_of = [(f / "generator.safetensors").read_bytes() for f in (whole, halves)]
    assert bytes_of[0] == bytes_of[1] == path.read_bytes()


def test_an_interrupted_training_loses_nothing_that_was_saved(quick, tmp_path, monkeypatch):
    train_gan(quick(out=str(tmp_path / "whole"), save_every=2), say=quiet)
    real_step, calls = ganinv.training.gan.train.gan_step, []

    def interrupted(*args, **options):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real_step(*args, **options)

    monkeypatch.setattr(ganinv.training.gan.train, "gan_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_gan(quick(save_every=2), say=quiet)
    assert read_notes(tmp_path / "run" / "checkpoint.safetensors")["step"] == 2
    train_gan(quick(save_every=2), say=quiet)
    a, b = (weights_of(tmp_path / name) for name in ("whole", "run"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_finished_training_is_not_done_again(quick, monkeypatch):
    path = train_gan(quick(), say=quiet)
    before = path.read_bytes()

    def refuse(*args, **options):
        raise AssertionError("a step")

    monkeypatch.setattr(ganinv.training.gan.train, "gan_step", refuse)
    assert train_gan(quick(), say=quiet).read_bytes() == before


@pytest.mark.parametrize("change", [{"seed": 1}, {"flip": False}, {"objective": "lsgan"}])
def test_other_parameters_are_another_training(quick, change):
    train_gan(quick(steps=1), say=quiet)
    with pytest.raises(ParamsError, match="under other parameters or images.*--out.*--fresh"):
        train_gan(quick(steps=1, **change), say=quiet)
    train_gan(quick(steps=1, **change), fresh=True, say=quiet)


def test_other_images_under_the_same_name_are_another_training(quick, sets):
    train_gan(quick(steps=1), say=quiet)
    sets["discs"] = discs(seed=1)
    with pytest.raises(ParamsError, match="other parameters or images"):
        train_gan(quick(steps=1), say=quiet)


def test_fewer_steps_than_were_done_are_refused(quick):
    train_gan(quick(steps=2), say=quiet)
    with pytest.raises(ParamsError, match="at step 2 already, beyond steps: 1"):
        train_gan(quick(steps=1), say=quiet)


def test_fresh_begins_again_and_leaves_nothing_behind(quick, tmp_path):
    train_gan(quick(steps=4, save_every=2), say=quiet)
    train_gan(quick(steps=1, save_every=2), fresh=True, say=quiet)
    pictures = {path.name for path in (tmp_path / "run" / "samples").iterdir()}
    assert pictures == {"step_000000.png", "step_000001.png"}
    assert len(strict_json(tmp_path / "run" / "history.json")) == 2


def test_a_damaged_checkpoint_is_told(quick, tmp_path):
    train_gan(quick(steps=1), say=quiet)
    path = tmp_path / "run" / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ParamsError, match=r"checkpoint.safetensors is damaged .*--fresh"):
        train_gan(quick(steps=2), say=quiet)


# --- what is left -------------------------------------------------------------------------------

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


@pytest.fixture
def learnt(tmp_path):
    params = GanParams.make(LEARNT | dict(out=str(tmp_path / "run")))
    said = []
    path = train_gan(params, say=said.append)
    return path.parent, strict_json(path.parent / "history.json"), said


def test_a_training_learns_and_leaves_all_that_was_promised(learnt, measures):
    folder, history, said = learnt
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    pictures = {f"samples/step_{step:06d}.png" for step in (0, 100, 200)}
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
    training = GanTraining(params, "cpu", quiet)
    with torch.no_grad():
        images = generator(training.draw_z(16, training.rng("grid")))
    with Image.open(folder / "samples" / "step_000200.png") as picture:
        pixels = np.array(picture)
    assert pixels.shape == (4 * SIZE, 4 * SIZE, 3)
    for i, image in enumerate(images):
        top, left = i // 4 * SIZE, i % 4 * SIZE
        cell = pixels[top : top + SIZE, left : left + SIZE].astype(int)
        assert abs(cell - to_uint8(image)).max() <= 1


def test_what_is_kept_is_the_average_with_statistics_of_its_own(quick):
    training = GanTraining(quick(steps=4, ema=100.0, lr_generator=1e-2), "cpu", quiet)
    training.resume(fresh=True)
    training.run()
    loaded = load_generator(training.publish())
    average, raw = training.average.state_dict(), training.generator.state_dict()
    assert all(torch.equal(x, average[name]) for name, x in loaded.state_dict().items())
    assert not torch.equal(average["up.0.weight"], raw["up.0.weight"])
    zs = training.draw_z(2048, training.rng("statistics"))
    with torch.no_grad():
        x = loaded.project(zs).view(-1, 4, 4, 8).permute(0, 3, 1, 2)
    assert torch.allclose(loaded.norms[0].running_mean, x.mean((0, 2, 3)), atol=1e-4)
    assert torch.allclose(loaded.norms[0].running_var, x.var((0, 2, 3)), rtol=0.02)


def test_without_an_average_the_generators_own_weights_are_kept(quick):
    training = GanTraining(quick(ema=0.0, steps=2), "cpu", quiet)
    training.resume(fresh=True)
    training.run()
    pairs = zip(training.average.parameters(), training.generator.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_real_images_are_the_sets_own_half_of_them_mirrored(quick, sets):
    training = GanTraining(quick(), "cpu", quiet)
    drawn = training.draw_real(200, training.rng("x"), True)
    assert drawn.dtype == torch.float32 and drawn.is_contiguous(memory_format=torch.channels_last)
    # discs are as their mirrors: a set that is not
    sets["discs"] = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), np.uint8)
    training = GanTraining(quick(), "cpu", quiet)
    drawn = training.draw_real(200, training.rng("x"), True)
    images = torch.from_numpy(sets["discs"]).permute(0, 3, 1, 2) / 127.5 - 1
    straight = [[torch.equal(x, y) for y in images] for x in drawn]
    mirrored = [[torch.equal(x, y.flip(2)) for y in images] for x in drawn]
    assert (np.sum(straight, 1) + np.sum(mirrored, 1)).tolist() == [1] * 200
    assert 70 < np.sum(mirrored) < 130
    assert (np.sum(straight, 0) + np.sum(mirrored, 0)).min() > 20
    plain = training.draw_real(50, training.rng("x"), False)
    assert all(any(torch.equal(x, y) for y in images) for x in plain)


def test_each_network_has_the_rate_and_betas_asked_for(quick):
    params = quick(lr_generator=1e-3, lr_discriminator=4e-3, beta1=0.1, beta2=0.7)
    training = GanTraining(params, "cpu", quiet)
    groups = [adam.param_groups[0] for adam in training.optimizers]
    assert [group["lr"] for group in groups] == [1e-3, 4e-3]
    assert [group["betas"] for group in groups] == [(0.1, 0.7)] * 2
    weights = [group["params"] for group in groups]
    assert weights[0][0] is next(training.generator.parameters())
    assert weights[1][0] is next(training.discriminator.parameters())


def test_images_that_cannot_be_used_are_told(quick, tmp_path):
    with pytest.raises(ParamsError, match="there is no folder nowhere"):
        train_gan(quick(images="nowhere"), say=quiet)
    assert not (tmp_path / "run").exists()


def test_the_global_random_state_is_left_alone(quick):
    before = torch.get_rng_state()
    train_gan(quick(steps=1), say=quiet)
    assert torch.equal(torch.get_rng_state(), before)


# --- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_divergence_is_told_and_the_checkpoint_from_before_is_kept(quick, tmp_path, objective):
    params = quick(objective=objective, steps=8, save_every=2)
    train_gan(quick(objective=objective, steps=2, save_every=2), say=quiet)
    path = tmp_path / "run" / "checkpoint.safetensors"
    before = path.read_bytes()
    training = GanTraining(params, "cpu", quiet)
    training.resume(fresh=False)
    for group in training.optimizers[1].param_groups:
        group["lr"] = 1e30
    with pytest.raises(ParamsError, match=r"became (nan|-?inf) at step \d: .* diverged.* smaller"):
        training.run()
    assert path.read_bytes() == before
    train_gan(params, say=quiet)
    assert read_notes(path)["step"] == 8


def noise(count, seed, colours=None, size=32):
    """Images of one colour each: of `colours`, in turn, or of any."""
    rng = torch.Generator().manual_seed(seed)
    drawn = torch.rand(colours or count, 3, 1, 1, generator=rng) * 2 - 1
    return drawn[torch.arange(count) % len(drawn)].expand(-1, -1, size, size)


def test_spread_is_the_mean_squared_distance_of_pairs():
    images = torch.randn(9, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    small = torch.nn.functional.avg_pool2d(images, 2).flatten(1).double()
    distances = torch.cdist(small, small).square() / small.shape[1]
    assert spread(images) == pytest.approx(distances.sum().item() / (9 * 8), rel=1e-6)


@pytest.mark.parametrize("colours", [1, 2, 4, 8])
def test_k_images_differ_by_1_less_1_over_k_of_all(colours):
    """The law that the threshold rests on, on average over sets."""
    ratios = [
        spread(noise(64, seed, colours)) / spread(noise(64, seed + 1000)) for seed in range(150)
    ]
    assert np.mean(ratios) == pytest.approx(1 - 1 / colours, abs=0.08)


def rows(losses, gradient=1.0, start=1):
    return [
        {"step": start + i, "discriminator": loss, "generator_gradient": gradient}
        for i, loss in enumerate(losses)
    ]


def look(step, diversity):
    return {"step": step, "spread": diversity}


def test_samples_that_hardly_differ_are_told_once_two_looks_agree():
    start = [look(step, 0.01) for step in (0, 100, 200)]  # nothing was learnt yet
    assert find_trouble(start, "hinge") == {}
    assert find_trouble([*start, look(300, 0.2)], "hinge") == {}
    found = find_trouble([*start, look(300, 0.2), look(400, 0.3)], "hinge")
    assert found.keys() == {"no variety"} and "0.30 of the real images'" in found["no variety"]
    assert find_trouble([*start, look(300, 0.2), look(400, 0.6)], "hinge") == {}
    assert find_trouble([*start, look(300, 0.9), look(400, 0.1)], "hinge") == {}
    found = find_trouble([look(300, 0.9), look(400, 0.1), look(500, 0.1)], "hinge")
    assert found.keys() == {"collapse"}


def test_troubles_are_listed_where_they_begin():
    shares = (0.1, 0.2, 0.3, 0.9, 0.1, 0.1, 0.1)
    history = [look(300 + 100 * i, share) for i, share in enumerate(shares)]
    told = tell_trouble(history, "hinge")
    assert [(row["step"], row["kind"]) for row in told] == [(400, "no variety"), (800, "collapse")]
    assert told[1]["text"] == find_trouble(history[:6], "hinge")["collapse"]
    assert tell_trouble(history[3:5], "hinge") == []


@pytest.mark.parametrize(
    ("objective", "chance"),
    [
        ("nonsaturating", 2 * math.log(2)),
        ("minimax", 2 * math.log(2)),
        ("lsgan", 0.5),
        ("hinge", 2),
    ],
)
def test_a_discriminator_that_wins_for_long_is_told_with_the_generators_gradient(objective, chance):
    beginning = rows([chance] * 50, gradient=2.0) + rows([chance] * 50, 2.0, 51)
    won = rows([0.009 * chance] * 100, gradient=1e-5, start=101)
    found = find_trouble(beginning + won, objective)
    assert found.keys() == {"overpowered"}
    assert "gradient is 1e-05; it was 2 at" in found["overpowered"]
    assert find_trouble(beginning + won[:99], objective) == {}
    almost = rows([0.011 * chance], start=150)
    assert find_trouble(beginning + won[:50] + almost + won[51:], objective) == {}


def test_a_critic_cannot_win():
    assert find_trouble(rows([-50.0] * 300), "wgan-gp") == {}


class OneImage(DCGAN):
    """A generator that draws one image: z makes no difference."""

    def mapping(self, z, c=None, truncation=1.0):
        return super().mapping(torch.ones_like(z) + 1e-3 * z, c, truncation)


def test_a_want_of_variety_is_said_once_noted_and_not_fatal(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(ganinv.training.gan.train, "DCGAN", OneImage)
    monkeypatch.setattr(ganinv.training.gan.trouble, "EARLY", 1)
    monkeypatch.setattr(
        ganinv.training.gan.train, "update_bn", lambda zs, model: None
    )  # it would divide
    said = []
    train_gan(quick(steps=10, save_every=2, lr_generator=1e-7), say=said.append)
    warned = [text for text in said if text.startswith("warning")]
    assert len(warned) == 1 and "step 4: the samples hardly differ" in warned[0]
    (noted,) = strict_json(tmp_path / "run" / "card.json")["trouble"]
    assert (noted["step"], noted["kind"]) == (4, "no variety") and noted["text"] in warned[0]
    history = strict_json(tmp_path / "run" / "history.json")
    marks = {row["step"]: row["trouble"] for row in history if "trouble" in row}
    assert marks == {0: [], 2: []} | {step: ["no variety"] for step in (4, 6, 8, 10)}


def test_a_generator_that_stands_still_loses_to_its_discriminator(quick, tmp_path):
    """Minimax, at a rate of nothing for the generator: its gradient goes, as the paper says."""
    said = []
    params = quick(
        objective="minimax", steps=220, save_every=110, lr_generator=1e-12, lr_discriminator=2e-3
    )
    train_gan(params, say=said.append)
    kinds = {row["kind"] for row in strict_json(tmp_path / "run" / "card.json")["trouble"]}
    assert "overpowered" in kinds
    assert any("tells all fakes apart" in text for text in said)
    rows = [r for r in strict_json(tmp_path / "run" / "history.json") if "generator" in r]
    gradients = [row["generator_gradient"] for row in rows]
    assert np.median(gradients[-10:]) < 0.05 * np.median(gradients[:10])


# --- the command --------------------------------------------------------------------------------


def run(*words):
    with pytest.raises(SystemExit) as exit_info:
        main([str(word) for word in words])
    return exit_info.value.code


def test_command_trains_from_a_file_with_changes_and_goes_on(quick, tmp_path, capsys):
    file, out = tmp_path / "tiny.yaml", tmp_path / "elsewhere"
    file.write_text(dump_yaml(quick(steps=2).model_dump()))
    words = ("train-gan", "--params", file, "--set", "objective=lsgan", "--out", out)
    assert run(*words) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "generator.safetensors")
    params = GanParams.load(out / "params.yaml")
    assert (params.objective, params.steps, params.out) == ("lsgan", 2, str(out))
    assert run(*words, "--set", "steps=3") == 0
    assert "going on from step 2" in capsys.readouterr().out
    assert run(*words, "--fresh", "--device", "cpu") == 0
    assert "going on" not in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "objectiv=lsgan"], "did you mean objective"),
        (["--set", "images=nowhere", "--set", "resolution=16"], "there is no folder nowhere"),
        (["--params", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_command_says_what_cannot_be_used(tmp_path, capsys, words, said):
    assert run("train-gan", *words, "--out", tmp_path / "run") == 2
    assert said in capsys.readouterr().err
