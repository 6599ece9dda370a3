"""Films as files: .mp4, .gif, or .png, a strip of a few frames. Frames are uint8 (H, W, 3).

Frames are taken one by one, and a file is whole or absent. An .mp4 is H.264 in the colours of
BT.709, as browsers and telephones play it, written by the ffmpeg that the extra `video` brings.
"""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganinv.errors import BadArgumentsError, printable
from ganinv.files import atomic_path

SUFFIXES = (".mp4", ".gif", ".png")
STRIP = 8  # frames of a .png
PACE = 20  # frames a second, unless a length is named
# frames a second at the most: browsers slow down a GIF whose frames are shorter than 0.02 seconds
FASTEST = {".mp4": 240, ".gif": 50}
VIDEO_EXTRA = "pip install imageio-ffmpeg"
QUALITY = 18  # H.264's rate factor: 18 is hardly told from its source
# said twice: releases of ffmpeg differ in which of the two they believe
FILTER = (
    "scale=out_color_matrix=bt709:out_range=tv,"
    "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709"
)
COLOURS = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]


def kind_of(out: Path) -> str:
    """Return the suffix of a film's file, one of `SUFFIXES`."""
    return out.suffix.lower()


def check_film(out: Path, frames: int, seconds: float | None = None) -> None:
    """Raise BadArgumentsError for a file that cannot be written, or not with so many frames.

    `seconds` is the film's length; None takes `PACE`.
    """
    kind = kind_of(out)
    check_file(out, SUFFIXES)
    if frames < 2:
        raise BadArgumentsError(f"--frames {frames}: a film has at least 2")
    if seconds is not None and kind in FASTEST:
        if not 0 < seconds < float("inf"):
            raise BadArgumentsError(f"--seconds {seconds}: give a length above 0")
        if frames / seconds > FASTEST[kind]:
            raise BadArgumentsError(
                f"{frames} frames in {seconds:g} seconds are {frames / seconds:.0f} a second, and "
                f"{kind} takes {FASTEST[kind]} at most; give fewer --frames, or more --seconds"
            )
    if kind == ".mp4":
        _find_ffmpeg()


def check_file(out: Path, suffixes: tuple[str, ...]) -> None:
    """Raise BadArgumentsError for an output of another suffix, a folder, or one below a file."""
    named, ends = f"--out {printable(out)}", " or ".join(suffixes)
    try:
        if out.is_dir():
            raise BadArgumentsError(f"{named} is a folder; name a file in it that ends in {ends}")
        if kind_of(out) not in suffixes:
            raise BadArgumentsError(f"{named}: name a file that ends in {ends}")
        place = next(place for place in out.absolute().parents if place.exists())
    except OSError as error:  # a folder that may not be read, a name too long
        raise BadArgumentsError(f"{named} cannot be used: {error.strerror or error}") from None
    if not place.is_dir():
        raise BadArgumentsError(f"{named}: {printable(place)} is a file, and no folder")


def write_film(
    out: Path, frames: Iterable[np.ndarray], count: int, seconds: float | None = None
) -> None:
    """Write `count` frames, even in time over `seconds`, by the file's suffix.

    A .gif repeats without a pause; a .png holds its frames side by side. Raises WriteError, and
    what `check_film` raises.
    """
    seconds = count / PACE if seconds is None else seconds
    check_film(out, count, seconds)
    kind = kind_of(out)
    with atomic_path(out) as temporary:
        if kind == ".mp4":
            _write_mp4(temporary, frames, count / seconds)
        elif kind == ".gif":
            _write_gif(temporary, frames, count, seconds)
        else:
            Image.fromarray(np.concatenate(list(frames), axis=1)).save(temporary, "PNG")


def _write_gif(path, frames, count, seconds):
    """Write a GIF, whose clock ticks in hundredths of a second: its whole length is kept."""
    ends = [round(100 * seconds * i / count) for i in range(count + 1)]
    durations = [10 * (b - a) for a, b in zip(ends, ends[1:], strict=False)]  # milliseconds
    images = (Image.fromarray(frame) for frame in frames)
    first = next(images)
    first.save(path, "GIF", save_all=True, append_images=images, duration=durations, loop=0)


def _find_ffmpeg() -> str:
    """The path of ffmpeg's program. Raises BadArgumentsError where there is none."""
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):  # it is not installed, or came without the program
        raise BadArgumentsError(
            f"mp4 needs ffmpeg: {VIDEO_EXTRA}, the extra `video`; or name a .gif, which needs "
            "nothing"
        ) from None


def _write_mp4(path, frames, rate):
    """Write H.264, which takes even sides only: an odd one is repeated at its end."""
    frames = (_even_sides(frame) for frame in frames)
    first = next(frames)
    height, width = first.shape[:2]
    # an absolute path is no address, and no option
    command = [_find_ffmpeg(), "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-framerate", f"{rate:.6f}", "-i", "-"]
    command += [
        "-vf",
        FILTER,
        "-pix_fmt",
        "yuv420p",
        *COLOURS,
        "-c:v",
        "libx264",
        "-crf",
        str(QUALITY),
        "-movflags",
        "+faststart",
    ]
    command += ["-f", "mp4", str(path.absolute())]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        )  # in a session of its own, Ctrl-C does not reach it: it is ended here
        try:
            _feed(process, first, frames)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            with contextlib.suppress(BrokenPipeError):  # of what was not taken
                process.stdin.close()
        if process.returncode:
            log.seek(0)
            last = log.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            raise OSError(" ".join(["ffmpeg failed:", *(last or [f"status {process.returncode}"])]))


def _feed(process, first, frames):
    """Give frames to ffmpeg; where it ends before they do, its status and its log say why."""
    try:
        process.stdin.write(first.tobytes())
        for frame in frames:
            process.stdin.write(frame.tobytes())
        process.stdin.close()
    except BrokenPipeError:
        return
    process.wait()


def _even_sides(frame):
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


class Spool:
    """Frames, uint8 (side, side, 3), kept on disk in a file without a name: one is read at a time.

    `spool[i]` reads frame i, and iterating reads them in their order.
    """

    def __init__(self, side: int) -> None:
        self.side, self.count = side, 0
        self.file: Any = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the spool)

    def clear(self) -> None:
        """Forget all frames."""
        self.count = 0

    def append(self, frame: np.ndarray) -> None:
        """Add a frame. Raises ValueError for one of another shape."""
        if frame.shape != (self.side, self.side, 3) or frame.dtype != np.uint8:
            raise ValueError(f"a frame is uint8 ({self.side}, {self.side}, 3)")
        self.file.seek(self.count * frame.size)
        self.file.write(frame.tobytes())
        self.count += 1

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> np.ndarray:
        if not 0 <= index < self.count:
            raise IndexError(index)
        size = self.side * self.side * 3
        self.file.seek(index * size)
        return np.frombuffer(self.file.read(size), np.uint8).reshape(self.side, self.side, 3)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(self.count))
