"""Ways from face to face: what lies between codes, and frames on it at an even pace.

Between two codes latents in W+, noise maps and changes of weights are linear; what is missing is
zero. Offsets to features would show two faces, one in the other, where they are blended in place:
each code's are moved as its picture moves on the way (`carry`), and weigh the more the nearer it
is. The flow is estimated at eight places between two codes and is linear between those, so that
its cost does not grow with the frames: on one core 16 times 0.3 s and 9 pictures between two codes,
after which a frame costs what it does without (1.1 s by the FFHQ student at 1024).

LPIPS (arXiv 1801.03924) is about quadratic in small changes, so its root adds up along a
way as a length does: frames are placed at even lengths, rendered, measured, and placed again.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ganinv.compute.render import render_result
from ganinv.editing.carry import check_way, find_flow, grey, move_offsets
from ganinv.editing.sources import Code
from ganinv.editing.video import Spool
from ganinv.errors import BadArgumentsError, printable
from ganinv.generators.base import Generator
from ganinv.images.pixels import box_resize, quantize, to_uint8
from ganinv.inversion.refinement import Refinement, feature_offsets, tune
from ganinv.measures.codes import interpolate
from ganinv.measures.reconstruction import Pair, lpips_alex
from ganinv.weights.store import FEATURES

Ease = Literal["even", "smooth"]
Measure = Callable[[Sequence[float]], list[float]]
STEPS = 8  # between two codes, at which flows are estimated
COARSE = 8  # steps between two codes at which a way is first measured
ROUNDS = 4  # in which frames are placed, at the most
EVEN = 2.0  # the largest distance of neighbours over the smallest


class Way:
    """The way through several codes, straight between each two; closed, it ends where it began.

    A place on it is a number: 0 is the first code, 1 the second, 0.5 halfway between. `features` is
    carry, stay or drop: between codes their offsets are moved along, blended where they are, or
    all are left out. `draw` takes the place of `render_result`, such as what `make_preview`
    returns. Raises BadArgumentsError for fewer than two codes, and for one that follows itself.
    """

    def __init__(
        self,
        generator: Generator,
        codes: Sequence[Code],
        closed: bool = False,
        features: str = "carry",
        draw: Callable[..., Tensor] = render_result,
    ) -> None:
        check_way(features)
        if features == "drop":
            codes = [replace(code, refinement=_weights(code.refinement)) for code in codes]
        self.generator, self.closed, self.features, self.draw = generator, closed, features, draw
        self.codes = [*codes, *(codes[:1] if closed else [])]
        self._greys: dict[int, np.ndarray] = {}
        self._flows: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        if len(codes) < 2:
            raise BadArgumentsError("a way needs two latents or more")
        for a, b in zip(self.codes, self.codes[1:], strict=False):
            if a.path.resolve() == b.path.resolve():
                again = "; a loop goes back to the first by itself" if closed else ""
                raise BadArgumentsError(f"{printable(a.id)} follows itself{again}: leave one out")

    @property
    def legs(self) -> int:
        """The number of ways between two codes, hence the last place."""
        return len(self.codes) - 1

    def at(self, place: float) -> Code:
        """Return the code at a place, 0 to `legs`: at a whole number, one that was given."""
        leg = min(int(place), self.legs - 1)
        share = place - leg
        if share in (0, 1):
            return self.codes[leg + int(share)]
        ends = [self.codes[leg].refinement, self.codes[leg + 1].refinement]
        if self.features == "carry":
            ends = [_weights(x) | self._carried(leg + i, place) for i, x in enumerate(ends)]
        return replace(self._plain(leg, share), refinement=blend(ends[0], ends[1], share))

    def _plain(self, leg: int, share: float) -> Code:
        """The code at a share of a leg, without a refinement."""
        a, b = self.codes[leg], self.codes[leg + 1]
        latent = interpolate(a.latent, b.latent, [share])[0]
        return replace(a, latent=latent, noise=self._noise(a, b, share), refinement={})

    def _noise(self, a: Code, b: Code, share: float) -> dict[str, Tensor]:
        """The noise maps between two codes; one without its own has the generator's."""
        if not (a.noise or b.noise):
            return {}
        stored = {name: x.cpu() for name, x in self.generator.noise_maps().items()}
        return blend(a.noise or stored, b.noise or stored, share)

    def _carried(self, end: int, place: float) -> Refinement:
        """The offsets of the code at an end of a leg, moved as the picture moves up to a place."""
        offsets = feature_offsets(self.codes[end].refinement)
        if not offsets:
            return {}
        step = int(place * STEPS)
        flow = self._flow(end, step)
        if part := place * STEPS - step:
            further = self._flow(end, step + 1)
            flow = torch.lerp(flow[0], further[0], part), torch.lerp(flow[1], further[1], part)
        return {f"{FEATURES}{r}": x for r, x in move_offsets(offsets, *flow).items()}

    def _flow(self, end: int, step: int) -> tuple[Tensor, Tensor]:
        """What `find_flow` says from the code at an end of a leg to a step: found once."""
        if step == end * STEPS:
            side = len(self._grey(step))
            return torch.zeros(2, side, side), torch.ones(1, side, side)
        if (end, step) not in self._flows:
            self._flows[end, step] = find_flow(self._grey(end * STEPS), self._grey(step))
        return self._flows[end, step]

    @torch.no_grad()
    def _grey(self, step: int) -> np.ndarray:
        """What the code at a step renders without a refinement, as `grey` has it: drawn once."""
        if step not in self._greys:
            leg = min(step // STEPS, self.legs - 1)
            code = self._plain(leg, step / STEPS - leg)
            self._greys[step] = grey(self.draw(self.generator, code.latent, code.noise))
        return self._greys[step]

    @torch.no_grad()
    def render(self, place: float) -> Tensor:
        """Render the picture at a place: (3, H, W), float32."""
        code = self.at(place)
        tuned = tune(self.generator, code.refinement)
        return self.draw(tuned, code.latent, code.noise, feature_offsets(code.refinement))


def _weights(refinement: Refinement) -> Refinement:
    """A refinement without its offsets to features."""
    return {name: x for name, x in refinement.items() if not name.startswith(FEATURES)}


def blend(a: dict[str, Tensor], b: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """Go from tensors a to tensors b by a share; one that is missing is zero."""
    parts = [
        {name: x.float() * weight for name, x in tensors.items()}
        for tensors, weight in ((a, 1 - share), (b, share))
    ]
    both = {name: x + parts[1][name] for name, x in parts[0].items() if name in parts[1]}
    return parts[0] | parts[1] | both


# --- where frames lie on a way ---


@dataclass(frozen=True)
class Pace:
    """Where frames lie, and the distances (LPIPS) of neighbours.

    In a loop the last place is the first frame again.
    """

    places: list[float]
    distances: list[float]

    @property
    def ratio(self) -> float:
        """The largest distance over the smallest, infinite where neighbours are equal."""
        least, most = min(self.distances), max(self.distances)
        return most / least if least > 0 else math.inf


def smooth_places(legs: int, steps: int) -> list[float]:
    """Place `steps` + 1 frames slowly at every code, 3u^2 - 2u^3 of each way after a share u of
    its time, which is the same for all ways."""
    times = np.arange(steps + 1) * legs / steps
    leg = np.minimum(times.astype(int), legs - 1)
    u = times - leg
    return [float(place) for place in leg + u * u * (3 - 2 * u)]


def even_places(places: Sequence[float], lengths: Sequence[float], steps: int) -> list[float]:
    """Place `steps` + 1 frames at even lengths, one at every whole number.

    `places` rise from 0 to the number of legs and hold every whole number; `lengths` are those
    between them. Each leg gets a step, and then whichever has the longest.
    """
    legs = round(places[-1])
    at = np.asarray(places)
    total = np.concatenate([[0], np.cumsum(np.maximum(lengths, 1e-9))])  # one must not stand still
    ends = np.interp(range(legs + 1), at, total)
    counts = np.ones(legs, int)
    for _ in range(steps - legs):
        counts[np.argmax(np.diff(ends) / counts)] += 1
    found = [0.0]
    for leg, count in enumerate(counts):
        inside = np.linspace(ends[leg], ends[leg + 1], count + 1)[1:-1]
        found += [*np.interp(inside, total, at).tolist(), float(leg + 1)]
    return found


def find_pace(measure: Measure, legs: int, steps: int, say: Callable[[str], object]) -> Pace:
    """Place `steps` + 1 frames so that neighbours are at even distances, as far as that goes.

    `measure` renders the pictures at places and returns the distances of neighbours, `steps` of
    them; it is called last with the places that are returned. `say` is told before each call.
    """
    coarse = legs * min(COARSE, math.ceil(steps / legs))
    say(f"measuring the way at {coarse + 1} places")
    places = [legs * i / coarse for i in range(coarse + 1)]
    distances = measure(places)
    for number in range(1, ROUNDS + 1):
        places = even_places(places, np.sqrt(distances).tolist(), steps)
        say(f"rendering {steps + 1} pictures, round {number} of at most {ROUNDS}")
        distances = measure(places)
        pace = Pace(places, distances)
        if pace.ratio <= EVEN or not max(distances):
            break
    return pace


# --- frames ---


def to_frame(image: Tensor, size: int) -> np.ndarray:
    """Make a picture (3, H, W) a frame, uint8 (size, size, 3): the box mean of its 8 bits."""
    return to_uint8(box_resize(quantize(image)[None], size)[0])


def check_frames(way: Way, frames: int) -> None:
    """Raise BadArgumentsError for too few frames to show every code."""
    least = way.legs + (not way.closed)
    if frames < least:
        raise BadArgumentsError(
            f"--frames {frames}: {least} latents are on the way, so give {least} or more"
        )


def smooth_frames(way: Way, frames: int, size: int) -> Iterator[np.ndarray]:
    """Render frames, uint8 (size, size, 3), that are slow at every code, one by one."""
    check_frames(way, frames)
    places = smooth_places(way.legs, frames if way.closed else frames - 1)
    return (to_frame(way.render(place), size) for place in places[:frames])


def even_frames(
    way: Way, frames: int, size: int, say: Callable[[str], object]
) -> tuple[Pace, Iterator[np.ndarray]]:
    """Render frames, uint8 (size, size, 3), at an even pace, and say which was reached.

    LPIPS is measured on pictures of the generator's size. In a loop the distance of the last frame
    to the first counts as well.
    """
    check_frames(way, frames)
    spool = Spool(size)

    def measure(places: Sequence[float]) -> list[float]:
        spool.clear()
        distances, before = [], None
        for place in places:
            image = way.render(place)
            spool.append(to_frame(image, size))
            if before is not None:
                distances.append(lpips_alex(Pair(image, before)))
            before = image
        return distances

    pace = find_pace(measure, way.legs, frames if way.closed else frames - 1, say)
    return pace, (spool[i] for i in range(frames))
