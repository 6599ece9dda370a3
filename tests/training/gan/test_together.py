"""A GAN's steps by two processes: those of one, to rounding, for every objective."""

import pytest
import torch

from ganinv.compute.processes import ALONE
from ganinv.generators.dcgan import DCGAN, DCGANDiscriminator
from ganinv.losses.adversarial import OBJECTIVES
from ganinv.training.gan.augment import CHANGES
from ganinv.training.gan.step import gan_step
from ganinv.training.gan.train import train_gan
from helpers.forked_trainings import tiny
from helpers.tensors import assert_same, seeded
from helpers.tiny_gans import SIZE, Sets, discs, weights_of
from helpers.together import far, together

STEPS, ROUNDING = 10, 1e-9  # in float64
CASES = {name: dict(objective=name) for name in OBJECTIVES} | {
    "hinge, spectral": dict(objective="hinge", norm="none", spectral=True),
    "wgan-gp, two critics": dict(objective="wgan-gp", critic_steps=2, changes=("translation",)),
    # a penalty through statistics of the whole batch: second derivatives of its sums
    "wgan-gp, batch norm": dict(objective="wgan-gp", norm="batch"),
    "changes": dict(objective="nonsaturating", changes=tuple(CHANGES)),
    "uneven": dict(objective="lsgan", batch=7, changes=("color",)),
}


def ten_steps(processes, objective, norm=None, spectral=False, batch=6, **options):
    """The weights after ten steps in float64, buffers with them, and the numbers of the steps."""
    part, rng = processes.part(batch), seeded()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = DCGAN(resolution=SIZE, width=4, z_dim=8).double()
        norm = norm or OBJECTIVES[objective].norm
        discriminator = DCGANDiscriminator(
            resolution=SIZE, width=4, norm=norm, spectral=spectral
        ).double()
    networks = generator, discriminator
    adams = [torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.5, 0.9)) for net in networks]
    learners = [processes.parallel(net) for net in networks]

    def draw(*shape):
        return part.of(torch.randn(batch, *shape, generator=rng, dtype=torch.float64))

    rows = [
        gan_step(
            *learners,
            adams,
            lambda: draw(3, SIZE, SIZE),
            lambda: draw(8),
            objective=objective,
            rng=rng,
            part=part,
            **options,
        )
        for _ in range(STEPS)
    ]
    weights = {f"G.{k}": x for k, x in generator.state_dict().items()}
    return weights | {f"D.{k}": x for k, x in discriminator.state_dict().items()}, rows


def all_cases(processes):
    return {name: ten_steps(processes, **case) for name, case in CASES.items()}


@pytest.fixture(scope="module")
def by_two(tmp_path_factory):
    results, errors = together(tmp_path_factory.mktemp("two"), 2, all_cases)
    assert errors == ["", ""]
    return results


@pytest.mark.parametrize("name", CASES)
def test_ten_steps_of_two_processes_are_those_of_one(by_two, name):
    weights, rows = ten_steps(ALONE, **CASES[name])
    (first, its_rows), (second, other_rows) = (result[name] for result in by_two)
    assert far(weights, first) < ROUNDING
    assert_same(first, second)
    assert its_rows == other_rows
    for wanted, found in zip(rows, its_rows, strict=True):
        assert found == pytest.approx(wanted, rel=1e-8, abs=1e-10)


def half_way(processes, out):
    params = tiny(out, steps=5, batch=7, flip=True, measure_count=0, log_every=1)
    said = []
    load = Sets(discs=discs()).load
    train_gan(params, load_images=load, say=said.append, processes=processes)
    return said


def test_a_training_goes_on_by_another_number_of_processes(tmp_path):
    """Five steps by three processes, five more by one, beside ten by one."""
    told, errors = together(tmp_path / "ends", 3, half_way, tmp_path / "run")
    assert errors == [""] * 3
    assert [text.split()[1] for text in told[0]][:5] == [f"{i}/5" for i in range(1, 6)]
    assert told[1] == told[2] == []
    load = Sets(discs=discs()).load
    for name in ("run", "alone"):
        train_gan(tiny(tmp_path / name, steps=10, batch=7), load_images=load, say=print)
    a, b = weights_of(tmp_path / "run"), weights_of(tmp_path / "alone")
    assert far(a, b) < 1e-4


def too_small(processes, out):
    train_gan(tiny(out, batch=2), load_images=Sets(discs=discs()).load, processes=processes)


def test_a_batch_without_an_image_for_each_is_refused_at_once(tmp_path):
    _, errors = together(tmp_path / "ends", 3, too_small, tmp_path / "run")
    assert errors[0].startswith("ParamsError: batch: 2 images cannot be divided among 3 processes")
    assert errors[1:] == ["SystemExit: 1"] * 2
    assert not (tmp_path / "run").exists()
