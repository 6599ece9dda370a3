"""Faces drawn from the FFHQ student: an image set that is there offline.

Face i is rendered from the z of (seed, i) at 1024x1024 and box-averaged, so that the first faces of
a large set are those of a small one. Truncation is 1: of 32 faces looked at, none was broken at
64x64, and a set that lacks what truncation cuts off would have fewer modes for a GAN to lose.

Every face is a full rendering: the student has one image head, and nothing of it that is smaller
shows the image. It runs in bf16 where the hardware computes in it: 0.15 s a face on one core of
an AMD EPYC (AVX-512 bf16), half of float32's, at 64x64 on average 0.5 of 255 levels beside it.
Compiling would cost what it saves.
"""

import hashlib
import io
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from ganinv.compute.device import resolve_device, resolve_precision
from ganinv.compute.memory import kept_memory
from ganinv.compute.render import make_renderer
from ganinv.files import write_bytes
from ganinv.generators.load import load_generator
from ganinv.images.pixels import box_resize, to_uint8
from ganinv.paths import cache_folder, writable
from ganinv.seeds import image_rng
from ganinv.training.sets.cache import cached
from ganinv.training.sets.names import GENERATOR, count_faces
from ganinv.weights.locate import locate

TRUNCATION, SEED = 1.0, 0
CHUNK = 16  # faces in a file: what an interruption loses, at most
Renderer = Callable[[Sequence[int]], np.ndarray]  # indices -> faces (N, size, size, 3), uint8


def face_renderer(name: str, size: int, *, precision: str = "auto") -> Renderer:
    """Make the function that draws faces of a generator: indices -> uint8 (N, size, size, 3)."""
    device = resolve_device("auto")
    generator = load_generator(name, device)
    precision = resolve_precision(precision, device)
    synthesis, _ = make_renderer(generator, precision, "off", print)

    @torch.no_grad()
    def render(index):
        z = torch.randn(1, generator.z_dim, generator=image_rng(SEED, f"face {index}"))
        ws = generator.mapping(z.to(device), truncation=TRUNCATION)  # (1, num_ws, w_dim)
        return to_uint8(box_resize(synthesis(ws), size)[0])

    def render_all(indices):
        with kept_memory(device):
            return np.stack([render(index) for index in indices])

    return render_all


def load_faces(
    images: str,
    size: int,
    *,
    say: Callable[[str], None] = print,
    generator: str = GENERATOR,
    chunk: int = CHUNK,
    renderer: Callable[[str, int], Renderer] = face_renderer,
) -> np.ndarray:
    """Load "faces", or the first N as "faces:N": uint8 (N, size, size, 3), memory-mapped.

    Those that were not drawn before are drawn and kept, `chunk` in a file, whatever becomes of the
    rest; `renderer` makes the function that draws. Raises ParamsError for fewer than `MIN_IMAGES`
    faces and for a size above 1024, WeightsError where the generator's weights are not here.
    """
    count, key = count_faces(images, size), face_key(size, generator=generator)
    cache = cache_folder()
    folder = cache / f"faces-{size}-{key}"
    rows = _draw(count, size, folder, say, generator, chunk, renderer)
    path = cache / f"faces{count}-{size}-{key}.npy"
    return cached(path, size, rows, {"left_out": 0, "first": {}}, images, say)


def face_key(size: int, *, generator: str = GENERATOR) -> str:
    """Make twelve hex digits that change with all that is chosen of a face, its index aside.

    What the hardware computes in is not in it: faces drawn in bf16 and in float32 differ by half a
    level of 255, and a set that was begun on one machine may be ended on another.
    """
    _, _, sha256 = locate(generator, "generator")
    made_from = f"{sha256} {TRUNCATION} {SEED} {size}"
    return hashlib.sha256(made_from.encode()).hexdigest()[:12]


def _draw(count, size, folder, say, generator, chunk, renderer):
    """Yield `count` faces, uint8 (size, size, 3); those in `folder` are not drawn again."""
    render = None
    for start in range(0, count, chunk):
        path = folder / f"{start:06d}.npy"
        drawn = _read(path, (chunk, size, size, 3))
        if drawn is None:
            if render is None:
                writable(folder)
                say(f"drawing faces {start} to {count} from {generator}; what is drawn is kept")
                render, began, first = renderer(generator, size), time.perf_counter(), start
            drawn = render(range(start, start + chunk))
            file = io.BytesIO()  # what numpy writes to a full disk fails in its own way
            np.save(file, drawn)
            write_bytes(path, file.getvalue())
            done = start + chunk
            if done % (16 * chunk) == 0 and done < count:
                pace = (time.perf_counter() - began) / (done - first)
                say(f"faces {done}/{count}  {pace * (count - done) / 60:.0f} min left")
        yield from drawn[: count - start]


def _read(path, shape):
    """The faces in a file, where they are whole and have this shape, or None."""
    try:
        drawn = np.load(path)
    except (OSError, ValueError, EOFError):
        return None
    return drawn if drawn.shape == shape and drawn.dtype == np.uint8 else None
