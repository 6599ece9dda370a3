"""Train a small GAN: DCGAN's two networks against each other, on a folder's images.

The objectives are those of `losses.adversarial`, one step is that of `step`, and what goes wrong is
told by `trouble`. What is kept is the generator's running average (Karras et al. 2018, arXiv
1710.10196, section 6). Its BatchNorm statistics are not averaged, since those of averaged weights
are not the average of the statistics: whenever it is looked at or written, they are measured anew
on fixed draws of z (Izmailov et al. 2018, arXiv 1803.05407, section 3.2, for averaged weights).

A run is a folder:

    OUT/params.yaml  checkpoint.safetensors  history.json  samples/step_NNNNNN.png
    OUT/generator.safetensors  card.json

The same call again goes on from the checkpoint. Every step draws from a generator of random
numbers seeded by (seed, step), so that on one CPU the result is the same to the bit.
"""

import copy
import functools
import hashlib
from pathlib import Path

import numpy as np
import torch
from torch.optim.swa_utils import update_bn

from ganinv.compute.device import resolve_device, resolve_precision
from ganinv.compute.memory import kept_memory
from ganinv.errors import ParamsError
from ganinv.files import write_json, write_text
from ganinv.generators.dcgan import DCGAN, DCGANDiscriminator
from ganinv.images.pixels import from_uint8, to_uint8
from ganinv.images.writing import save_png
from ganinv.measures.distributions import FEATURES, compare_sets, diversity, set_features
from ganinv.params import dump_yaml
from ganinv.training import checkpoint
from ganinv.training.gan.step import average_weights, averaging_decay, gan_step
from ganinv.training.gan.trouble import begun, find_trouble, spread
from ganinv.training.loop import Loop
from ganinv.training.model_card import gan_card
from ganinv.training.sets.image_sets import load_image_set
from ganinv.weights.store import save_weights

STATISTICS = 2048  # draws of z that BatchNorm's statistics are measured on
LEAST = 1e-12  # of a spread that is divided by
MEASURED = ("spread", "fid", "kid", "precision", "recall", "diversity")
NOT_DECISIVE = {"out", "log_every", "device", "steps"}  # of the parameters


def train_gan(params, *, fresh=False, say=print):
    """Train by `GanParams`; return the path of generator.safetensors.

    Continues an earlier call in the same folder, unless `fresh`; with more steps, a finished one
    too. Raises ParamsError where that call had other parameters or images, where the images cannot
    be used, and where the training diverges. One that collapses goes on: that is said, and noted
    in the history and on the card.
    """
    device = resolve_device(params.device)
    if Path(params.images).is_dir() and _lies_in(params.out, params.images):
        raise ParamsError(f"out: {params.out} lies in the folder of the images; name another one")
    training = GanTraining(params, device, say)
    with kept_memory(device):
        training.resume(fresh)
        training.run()
        return training.publish()


def _lies_in(path, folder):
    return Path(path).resolve().is_relative_to(Path(folder).resolve())


class GanTraining(Loop):
    """Everything that moves while a GAN is trained."""

    RATES = "lr_generator or lr_discriminator"
    SHOWN = ("discriminator", "generator", "real", "fake")

    def __init__(self, params, device, say):
        super().__init__(params, say)
        self.device, self.trouble = torch.device(device), []
        self.precision = resolve_precision(params.precision, self.device)
        self.images = load_image_set(params.images, params.resolution, say=say)  # (N, S, S, 3)
        if (self.images == self.images[:1]).all():
            raise ParamsError(f"all images of {params.images} are the same: nothing to be learnt")
        self.images_sha256 = hashlib.sha256(np.ascontiguousarray(self.images)).hexdigest()
        self.config = dict(resolution=params.resolution, width=params.width, z_dim=params.z_dim)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(params.seed)
            self.generator = self._place(DCGAN(**self.config))
            self.discriminator = self._place(
                DCGANDiscriminator(
                    resolution=params.resolution,
                    width=params.width,
                    norm=params.norm,
                    spectral=params.spectral_norm,
                )
            )
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        rates = params.lr_generator, params.lr_discriminator
        networks = self.generator, self.discriminator
        self.optimizers = [
            torch.optim.Adam(network.parameters(), lr=rate, betas=(params.beta1, params.beta2))
            for network, rate in zip(networks, rates, strict=True)
        ]

    def _place(self, network):
        return network.to(self.device, memory_format=torch.channels_last)

    # what is drawn

    def draw_z(self, count, rng):
        return torch.randn(count, self.params.z_dim, generator=rng).to(self.device)

    def draw_real(self, count, rng, flip):
        """Images (count, 3, S, S) of the set, with repetition, some mirrored if `flip`."""
        chosen = torch.randint(len(self.images), (count,), generator=rng)
        images = self.real(chosen.numpy())
        mirrored = (torch.rand(count, 1, 1, 1, generator=rng) < 0.5 * flip).to(self.device)
        return torch.where(mirrored, images.flip(3), images)

    def real(self, chosen):
        """The images at `chosen`: (N, 3, S, S) float32 in [-1, 1], channels last in memory."""
        return from_uint8(self.images[chosen], self.device)

    @torch.no_grad()
    def render(self, zs):
        """The running average's images (N, 3, S, S) in [-1, 1] of zs (N, z_dim), any N."""
        return torch.cat([self.average(part) for part in zs.split(self.params.batch)])

    # training

    def _one(self):
        params, rng = self.params, self.rng("step", self.step)
        row = gan_step(
            self.generator,
            self.discriminator,
            self.optimizers,
            lambda: self.draw_real(params.batch, rng, params.flip),
            lambda: self.draw_z(params.batch, rng),
            objective=params.objective,
            critic_steps=params.critic_steps,
            gp_weight=params.gp_weight,
            rng=rng,
            precision=self.precision,
        )
        decay = averaging_decay(params.ema, params.batch, self.step + 1)
        average_weights(self.average, self.generator, decay)
        return row

    # looking

    def look(self):
        """Note how the running average's samples differ from the real images; picture them."""
        self.settle()
        samples = self.render(self.draw_z(self.params.grid**2, self.rng("grid")))
        real = self.draw_real(len(samples), self.rng("grid, real"), False)
        self.figures = {"spread": spread(samples) / max(spread(real), LEAST)} | self._measure()
        self.history[-1] |= self.figures
        rows = [torch.cat(list(row), 2) for row in samples.split(self.params.grid)]
        picture = to_uint8(torch.cat(rows, 1))
        save_png(self.out / "samples" / f"step_{self.step:06d}.png", picture)
        if self.step:
            text = " ".join(f"{k} {v:.3f}" for k, v in self.figures.items() if k in MEASURED)
            self.say(f"step {self.step}/{self.params.steps}  {text}")
        self._find_trouble()

    def settle(self):
        """Measure the BatchNorm statistics of the running average."""
        zs = self.draw_z(STATISTICS, self.rng("statistics"))
        with torch.no_grad():
            update_bn(zs.split(self.params.batch), self.average)

    def _measure(self):
        if not self.params.measure_count:
            return {}
        count = len(self.real_features)
        images = self.render(self.draw_z(count, self.rng("measured")))
        drawn = np.stack([to_uint8(image) for image in images])
        features = set_features(drawn, device=str(self.device))
        figures = compare_sets(self.real_features, features, seed=self.params.seed)
        return figures | {"diversity": diversity(self.real_features, features)}

    @functools.cached_property
    def real_features(self):
        """Features of the real images that are measured against, chosen once."""
        order = torch.randperm(len(self.images), generator=self.rng("measured, real")).numpy()
        chosen = np.sort(order[: self.params.measure_count])
        return set_features(self.images[chosen], device=str(self.device))

    def _find_trouble(self):
        """Say and note what goes wrong, once for each time that it begins."""
        found = find_trouble(self.history, self.params.objective)
        self.history[-1]["trouble"] = list(found)
        before = next((r["trouble"] for r in self.history[-2::-1] if "trouble" in r), [])
        for trouble in begun(self.step, found, before):
            self.say(f"warning: step {self.step}: {trouble['text']}")
            self.trouble.append(trouble)

    # the folder

    def resume(self, fresh):
        """Take up the checkpoint, or begin."""
        path, decisive = self.out / "checkpoint.safetensors", self._decisive()
        if not path.is_file() or fresh:
            checkpoint.clear(self.out)
            self._write_params()
            self.history = [{"step": 0, "seconds": 0.0}]
            self.look()
            self.save()
            return
        notes = checkpoint.read_notes(path)
        if notes["params"] != decisive:
            raise ParamsError(
                f"{self.out} holds a training under other parameters or images; name another "
                "folder by --out, or start over with --fresh (fresh = True in a notebook)"
            )
        if notes["step"] > self.params.steps:
            raise ParamsError(
                f"{self.out} is at step {notes['step']} already, beyond steps: "
                f"{self.params.steps}; ask for more, or start over with --fresh"
            )
        checkpoint.load_state(path, *self._parts(), self._states())
        self.step, self.seconds, self.history = notes["step"], notes["seconds"], notes["history"]
        self.figures, self.trouble = notes["figures"], notes["trouble"]
        self._write_params()
        self.say(f"going on from step {self.step}")

    def _write_params(self):
        write_text(self.out / "params.yaml", dump_yaml(self.params.model_dump()))

    def _decisive(self):
        chosen = self.params.model_dump(exclude=NOT_DECISIVE)
        return chosen | {"images": self.images_sha256}

    def _parts(self):
        modules = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average": self.average,
        }
        adams = zip(("adam_generator", "adam_discriminator"), self.optimizers, strict=True)
        return modules, dict(adams)

    def _states(self):
        return {name: module.state_dict() for name, module in self._parts()[0].items()}

    def save(self):
        notes = {
            "params": self._decisive(),
            "step": self.step,
            "seconds": self.seconds,
            "history": self.history,
            "figures": self.figures,
            "trouble": self.trouble,
        }
        path = self.out / "checkpoint.safetensors"
        checkpoint.save_state(path, self._states(), self._parts()[1], notes)
        write_json(self.out / "history.json", self.history)

    def publish(self):
        """Write the running average as a generator that `load_generator` reads, and its card."""
        write_json(self.out / "history.json", self.history)  # a kill may have come before it
        path = self.out / "generator.safetensors"
        description = {
            "architecture": "dcgan",
            "config": self.config,
            "objective": self.params.objective,
            "images": self.images_sha256,
            "steps": self.step,
        }
        save_weights(path, self.average.state_dict(), description)
        write_json(self.out / "card.json", gan_card(self, path, FEATURES))
        return path
