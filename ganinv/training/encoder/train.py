"""A training's state on disk: one safetensors file, written atomically, read back to the bit; its
history, and the earlier encoder that it may begin from."""

import math
import time

import torch

from ganinv.compute.compile import resolve_compile
from ganinv.compute.device import autocast, resolve_device, resolve_precision
from ganinv.compute.memory import kept_memory
from ganinv.compute.render import make_renderer
from ganinv.encoders.domain import DomainEncoder, domain_config
from ganinv.encoders.load import load_encoder
from ganinv.errors import ParamsError
from ganinv.files import write_json, write_text
from ganinv.generators.load import load_generator
from ganinv.images.pixels import box_resize, to_uint8
from ganinv.images.writing import save_png
from ganinv.losses.adversarial import (
    logistic_discriminator,
    nonsaturating_generator,
    r1_penalty,
)
from ganinv.losses.lpips import load_lpips
from ganinv.params import dump_yaml
from ganinv.training import checkpoint
from ganinv.training.encoder import draws, train
from ganinv.training.encoder.closed_form import fit_head
from ganinv.training.encoder.discriminator import Discriminator
from ganinv.training.loop import Loop
from ganinv.training.model_card import HELD_OUT_TRUNCATION, model_card
from ganinv.weights.store import save_weights


def load_start(name, like):
    """The head of the encoder `name`, with shapes like those of the encoder `like`, and its hash.

    Raises ParamsError for an encoder that does not fit, WeightsError for one that is not here.
    """
    encoder = load_encoder(name)
    head = encoder.head() if isinstance(encoder, DomainEncoder) else {}
    if {k: x.shape for k, x in head.items()} != {k: x.shape for k, x in like.head().items()}:
        raise ParamsError(f"start: {name} is no domain-guided encoder for this generator")
    return head, encoder.sha256


WARM_UP = 50  # steps in which Adam's rate rises from 0: its first moments are noise
PICTURED = 6
FIGURES = ("held_out_error", "held_out_psnr", "held_out_lpips", "mean_w_lpips")
NOT_DECISIVE = {"out", "log_every", "device"}  # of the parameters


def train_encoder(params, *, fresh=False, say=print):
    """Train by `EncoderParams`; return the path of encoder.safetensors.

    Continues an earlier call in the same folder, unless `fresh`. Raises ParamsError where that call
    had other parameters, WeightsError where weights are not here.
    """
    device = resolve_device(params.device)
    generator = load_generator(params.generator, device)
    training = Training(params, generator, say)
    with kept_memory(device):
        training.resume(fresh)
        training.run()
    return training.publish()


class Training(Loop):
    """Everything that moves while an encoder is trained."""

    FINITE, FINITE_FIGURES = ("loss", "discriminator"), FIGURES
    SHOWN, DIGITS = ("loss", "pixels", "features", "latent", "offsets"), 4

    def __init__(self, params, generator, say):
        super().__init__(params, say)
        self.generator = generator
        self.device = generator.device
        self.precision = resolve_precision(params.precision, self.device)
        compiled = resolve_compile(params.compile, generator, params.steps)
        self.render_full, self.compiled = make_renderer(
            generator, self.precision, compiled, say, batch=params.batch
        )
        config = domain_config(generator)
        self.config, self.resolution = config, config["resolution"]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(params.seed)
            self.encoder = DomainEncoder(**config)
            self.discriminator_size = min(params.discriminator_resolution, self.resolution)
            self.discriminator = Discriminator(size=self.discriminator_size).to(self.device)
        self.earlier = train.load_start(params.start, self.encoder) if params.start else None
        self.encoder.w_avg.copy_(generator.w_avg)
        self.encoder.to(self.device).attach_trunk()
        self.encoder.reduce.requires_grad_(False)
        self.lpips = load_lpips("vgg", self.device)
        self.optimizer = torch.optim.Adam(self._groups(), betas=(0.9, 0.99))
        self.adversary = torch.optim.Adam(
            self.discriminator.parameters(), lr=params.discriminator_lr, betas=(0.0, 0.99)
        )
        self.photographs = None
        if params.photographs:
            self.photographs = draws.Photographs(params.photographs, self.resolution, say)
        self._draw_held_out()

    def _groups(self):
        """One group per layer. A step of Adam moves every weight alike, and so an output by the
        rate times the number of inputs: rates are divided by it (Yang et al. 2022, arXiv
        2203.03466, table 3). The 1x1 convolutions keep what the closed form gave them."""
        layers = self.encoder.base, self.encoder.hidden, self.encoder.offsets
        return [
            dict(params=[*layer.parameters()], lr=0.0, share=1 / layer.in_features)
            for layer in layers
        ]

    # what is drawn

    def render_small(self, ws):
        """Images (batch, 3, resolution, resolution), through which gradients flow."""
        return box_resize(self.render_full(ws), self.resolution)

    @torch.no_grad()
    def render(self, ws):
        """Images (N, 3, resolution, resolution) on the clamped 8-bit grid, any N."""
        batch, count = self.params.batch, len(ws)
        filled = torch.cat((ws, ws[:1].expand(-count % batch, -1, -1)))
        parts = [self.render_small(part) for part in filled.split(batch)]
        images = torch.cat(parts)[:count].clamp(-1, 1)
        return ((images + 1) * 127.5).round() / 127.5 - 1

    def _draw_held_out(self):
        both = (HELD_OUT_TRUNCATION, HELD_OUT_TRUNCATION)
        ws, _ = draws.draw_ws(
            self.generator, self.params.held_out, self.rng("held out"), truncation=both, mixing=0
        )
        self.held_out = self.render(ws)
        mean = self.render(self.generator.w_avg.expand(1, self.generator.num_ws, -1))
        self.mean_error = (self.held_out - mean).square().mean().item()
        self.mean_lpips = self._lpips_in_parts(mean.expand_as(self.held_out), self.held_out)

    def draw(self, step):
        """A batch: images, their latents, and how many of the first are as the latents say."""
        params, rng = self.params, self.rng("step", step)
        photos = self.photos()
        ws, _ = draws.draw_ws(
            self.generator,
            params.batch,
            rng,
            mixing=params.mixing,
            truncation=(params.truncation_min, params.truncation_max),
        )
        images = self.render(ws)
        known = math.ceil(params.clean * (params.batch - photos))
        changed = draws.change(images[known : params.batch - photos], rng, params.change)
        parts = [images[:known], changed]
        if photos:
            mirrored = draws.change(self.photographs.draw(photos, rng).to(images), rng, 0.2)
            parts.append(mirrored)
        return torch.cat(parts), ws, known, rng

    def photos(self):
        """How many of a batch are photographs."""
        share = self.params.photograph_share
        return draws.share_of(self.params.batch, share) if self.photographs else 0

    # the start

    def start(self):
        """An earlier encoder's head, or the closed form."""
        if self.earlier is None:
            self.fit()
        else:
            self.say(f"beginning from the encoder {self.params.start}")
            self.encoder.load_state_dict(self.earlier[0], strict=False)

    @torch.no_grad()
    def fit(self):
        """w by ridge regression on the trunk's features of drawn images with one w each."""
        params, encoder, count = self.params, self.encoder, self.params.fit_samples
        if not count:
            for parameter in encoder.base.parameters():
                parameter.zero_()
            return
        self.say(f"fitting w to {count} drawn images in closed form")
        features, wanted, started = [], [], time.perf_counter()
        for index in range(0, count, params.batch):
            ws, _ = draws.draw_ws(
                self.generator,
                params.batch,
                self.rng("fit", index),
                mixing=0,
                truncation=(params.truncation_min, params.truncation_max),
            )
            wanted.append(ws[:, 0] - encoder.w_avg)
            features.append([x.half() for x in self.see(self.render(ws))])
            drawn, every = len(wanted), max(10 * params.log_every // params.batch, 1)
            if params.log_every and drawn % every == 0:
                seconds = time.perf_counter() - started
                self.say(f"fit {drawn * params.batch}/{count}  {seconds:.0f} s")
        levels = [torch.cat(level) for level in zip(*features, strict=True)]
        fit_head(encoder, levels, torch.cat(wanted), params.fit_ridge)

    def codes(self, images):
        """w (N, 1, w_dim) and offsets (N, num_ws, w_dim), of images that need no gradient."""
        return self.encoder.codes(self.encoder.gather(self.see(images)))

    @torch.no_grad()
    def see(self, images):
        with autocast(self.device, self.precision):
            return [x.float() for x in self.encoder.see(images)]

    # training

    def _one(self):
        params = self.params
        self._set_rates()
        images, ws, known, rng = self.draw(self.step)
        w, offsets = self.codes(images)
        codes = w + offsets
        rendered = self.render_small(codes)
        spread = self.generator.w_std.square()
        terms = {
            "pixels": (rendered - images).square().mean(),
            "features": self._feature_distance(rendered, images, rng),
            "offsets": offsets.square().sum(2).mean() / spread,
        }
        if known and params.latent:
            distance = (codes[:known] - ws[:known]).square().sum(2).mean()
            terms["latent"] = distance / spread
        size = self.discriminator_size
        small, real = box_resize(rendered, size), box_resize(images, size)
        if params.adversarial:
            terms["adversarial"] = nonsaturating_generator(self.discriminator(small))
        loss = sum(getattr(params, name) * value for name, value in terms.items())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        row = {"loss": loss.item()} | {name: value.item() for name, value in terms.items()}
        if params.adversarial:
            row |= self._step_adversary(real, small.detach())
        return row

    def _set_rates(self):
        params = self.params
        rate = 0.5 + 0.5 * math.cos(math.pi * self.step / max(params.steps, 1))
        rate *= min(1.0, (self.step + 1) / min(WARM_UP, max(params.steps, 1)))
        for group in self.optimizer.param_groups:
            group["lr"] = params.lr * group["share"] * rate
        # an earlier encoder has its offsets already
        rows, span = self.encoder.num_ws, 0 if self.earlier else params.progressive * params.steps
        self.encoder.unlocked = rows if self.step >= span else int(rows * self.step / span)

    def _feature_distance(self, rendered, images, rng):
        """LPIPS-VGG, the mean of a random quarter at full size and the whole at a quarter."""
        half = self.resolution // 2
        if half < 32:
            return self._lpips(rendered, images).mean()
        top, left = torch.randint(half + 1, (2,), generator=rng).tolist()
        window = (..., slice(top, top + half), slice(left, left + half))
        near = self._lpips(rendered[window], images[window])
        if half < 64:
            return near.mean()
        small = [box_resize(x, half // 2) for x in (rendered, images)]
        return (near.mean() * 2 + self._lpips(*small).mean()) / 3

    def _lpips(self, images, wanted):
        last = dict(memory_format=torch.channels_last)
        with autocast(self.device, self.precision):
            target = self.lpips.targets(wanted.contiguous(**last))
            return self.lpips.distance(self.lpips.features(images.contiguous(**last)), target)

    @torch.no_grad()
    def _lpips_in_parts(self, images, wanted):
        parts = zip(images.split(8), wanted.split(8), strict=True)
        return torch.cat([self._lpips(a, b) for a, b in parts]).mean().item()

    def _step_adversary(self, real, fake):
        params = self.params
        fake_scores, real_scores = self.discriminator(fake), self.discriminator(real)
        loss = logistic_discriminator(real_scores, fake_scores)
        row = {"discriminator": loss.item()}
        if self.step % params.r1_every == 0:
            penalty = r1_penalty(self.discriminator, real)
            loss = loss + 0.5 * params.r1_gamma * params.r1_every * penalty
            row["r1"] = penalty.item()
        self.adversary.zero_grad(set_to_none=True)
        loss.backward()
        self.adversary.step()
        return row

    # looking

    @torch.no_grad()
    def look(self):
        """Note how the held-out images come back, and picture the first of them."""
        codes = torch.cat([sum(self.codes(x)) for x in self.held_out.split(8)])
        rendered = self.render(codes)
        errors = (rendered - self.held_out).square().mean((1, 2, 3))
        values = (
            (errors.mean() / self.mean_error).item(),
            (10 * torch.log10(4 / errors)).mean().item(),
            self._lpips_in_parts(rendered, self.held_out),
            self.mean_lpips,
        )
        self.figures = dict(zip(FIGURES, values, strict=True))
        self.history[-1] |= self.figures
        rows = [torch.cat(list(x[:PICTURED]), 2) for x in (self.held_out, rendered)]
        save_png(self.out / "samples" / f"step_{self.step:06d}.png", to_uint8(torch.cat(rows, 1)))

    # the folder

    def resume(self, fresh):
        """Take up the checkpoint, or begin: the closed-form start, and a first look."""
        path, decisive = self.out / "checkpoint.safetensors", self._decisive()
        if path.is_file() and not fresh:
            notes = checkpoint.read_notes(path)
            if {"start": None} | notes["params"] != decisive:  # start joined later
                raise ParamsError(
                    f"{self.out} holds a training under other parameters; name another folder by "
                    "--out, or start over with --fresh"
                )
            checkpoint.load_state(path, *self._parts(), self._states())
            self.step, self.seconds = notes["step"], notes["seconds"]
            self.history, self.figures = notes["history"], notes["figures"]
            self.say(f"going on from step {self.step}")
            return
        checkpoint.clear(self.out)
        write_text(self.out / "params.yaml", dump_yaml(self.params.model_dump()))
        started = time.perf_counter()
        self.start()
        self.seconds = time.perf_counter() - started
        self.history = [{"step": 0, "seconds": self.seconds}]
        self.look()
        self.save()

    def _decisive(self):
        chosen = self.params.model_dump(exclude=NOT_DECISIVE)
        return chosen | {
            "generator": self.generator.sha256,
            "start": self.earlier and self.earlier[1],
        }

    def _parts(self):
        modules = {"encoder": self.encoder, "discriminator": self.discriminator}
        return modules, {"adam": self.optimizer, "adversary": self.adversary}

    def _states(self):
        """What of each module is kept."""
        return {"encoder": self.encoder.head(), "discriminator": self.discriminator.state_dict()}

    def save(self):
        _, optimizers = self._parts()
        notes = {
            "params": self._decisive(),
            "step": self.step,
            "seconds": self.seconds,
            "history": self.history,
            "figures": self.figures,
        }
        checkpoint.save_state(
            self.out / "checkpoint.safetensors", self._states(), optimizers, notes
        )
        write_json(self.out / "history.json", self.history)

    def publish(self):
        """Write the encoder in half precision, and its card."""
        path = self.out / "encoder.safetensors"
        made_for = {"name": self.generator.name, "sha256": self.generator.sha256}
        description = {"architecture": "domain", "config": self.config, "generator": made_for}
        save_weights(path, checkpoint.copy_tensors(self.encoder.head(), torch.float16), description)
        write_json(self.out / "card.json", model_card(self, path, made_for))
        return path
