"""Films, read back from the files that they become."""

import sys
import weakref

import numpy as np
import pytest

from ganinv.editing.video import Spool, check_film, write_film
from ganinv.errors import BadArgumentsError, WriteError
from helpers.disks import full_beyond
from helpers.films import read_gif, read_mp4
from helpers.pictures import picture


def smooth(i, size=(48, 48)):
    """A smooth picture, brighter for a larger i, uint8 (H, W, 3)."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    planes = [30 + 3 * x, 60 + 2 * y, np.full_like(x, 30 + 12 * i)]
    return np.stack(planes, -1).astype(np.uint8)


@pytest.mark.parametrize("size", [(48, 48), (47, 33)])
def test_an_mp4_has_the_frames_the_length_and_the_colours(tmp_path, size):
    frames = [smooth(i, size) for i in range(12)]
    write_film(tmp_path / "new" / "a.MP4", iter(frames), 12, 0.8)
    found, about = read_mp4(tmp_path / "new" / "a.MP4")
    assert about["codec"] == "h264" and about["fps"] == 15
    assert "bt709" in about["pix_fmt"] and "yuv420p" in about["pix_fmt"]
    assert about["size"] == (size[1] + size[1] % 2, size[0] + size[0] % 2)
    assert len(found) == 12
    for a, b in zip(found, frames, strict=True):
        assert np.abs(a[: size[0], : size[1]].astype(int) - b).mean() < 4


@pytest.mark.parametrize("seconds", [None, 0.7])
def test_a_gif_repeats_without_a_pause_and_keeps_its_length(tmp_path, seconds):
    frames = [smooth(i) for i in range(12)]
    write_film(tmp_path / "a.gif", iter(frames), 12, seconds)
    found, durations, loop = read_gif(tmp_path / "a.gif")
    assert len(found) == 12 and loop == 0
    assert sum(durations) == (600 if seconds is None else 700)
    assert max(durations) - min(durations) <= 10
    for a, b in zip(found, frames, strict=True):
        assert np.abs(a.astype(int) - b).mean() < 8  # what 256 colours lose


def test_a_gif_of_equal_frames_is_as_long(tmp_path):
    write_film(tmp_path / "a.gif", iter([smooth(1)] * 10), 10, 2)
    _, durations, _ = read_gif(tmp_path / "a.gif")
    assert sum(durations) == 2000


def test_a_png_is_a_strip(tmp_path):
    frames = [smooth(i) for i in range(3)]
    write_film(tmp_path / "a.png", iter(frames), 3)
    assert np.array_equal(picture(tmp_path / "a.png"), np.concatenate(frames, 1))


@pytest.mark.parametrize("suffix", [".mp4", ".gif", ".png"])
def test_an_interrupt_leaves_nothing_and_spares_an_older_film(tmp_path, suffix):
    def interrupted():
        yield from (smooth(i) for i in range(5))
        raise KeyboardInterrupt

    for older in (False, True):
        if older:
            (tmp_path / f"a{suffix}").write_bytes(b"older")
        with pytest.raises(KeyboardInterrupt):
            write_film(tmp_path / f"a{suffix}", interrupted(), 10)
        names = [path.name for path in tmp_path.iterdir()]
        assert names == ([f"a{suffix}"] if older else [])
    assert (tmp_path / f"a{suffix}").read_bytes() == b"older"


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_frames_are_taken_one_by_one(tmp_path, suffix):
    alive, most = weakref.WeakSet(), 0

    class Frame(np.ndarray):
        """An array that a weak reference may point to, and a set hold."""

        __hash__ = object.__hash__

    def made():
        nonlocal most
        for i in range(20):
            frame = smooth(i).view(Frame)
            alive.add(frame)
            yield frame
            del frame
            most = max(most, len(alive))

    write_film(tmp_path / f"a{suffix}", made(), 20)
    assert 0 < most <= 3


def test_a_full_disk_is_a_sentence_that_names_the_film(tmp_path):
    rng = np.random.default_rng(0)
    frames = (rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(40))
    with full_beyond(20_000), pytest.raises(WriteError, match=r"a\.mp4 cannot be written: ffmpeg"):
        write_film(tmp_path / "a.mp4", frames, 40)
    assert not list(tmp_path.iterdir())


def test_ffmpeg_takes_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-y.mp4", "a:b/%03d 'x\" $(id);\n.mp4", "\udcff.mp4"):
        write_film(type(tmp_path)(name), iter([smooth(1)] * 2), 2)
        assert (tmp_path / name).read_bytes()[4:8] == b"ftyp"


REFUSED = {
    "no suffix": ("a", 5, None, r"ends in \.mp4 or \.gif or \.png"),
    "another suffix": ("a.avi", 5, None, r"ends in \.mp4"),
    "a suffix alone": (".gif", 5, None, r"ends in \.mp4"),
    "a folder": ("folder.gif", 5, None, "is a folder"),
    "below a file": ("file/new/a.gif", 5, None, "file is a file"),
    "a long name": ("x" * 5000 + ".gif", 5, None, "too long"),
    "one frame": ("a.gif", 1, None, "at least 2"),
    "no length": ("a.gif", 5, 0.0, "above 0"),
    "not a number": ("a.mp4", 5, float("nan"), "above 0"),
    "too fast": ("a.gif", 60, 1.0, "60 a second, and .gif takes 50"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_written_is_refused(tmp_path, name):
    file, frames, seconds, says = REFUSED[name]
    (tmp_path / "folder.gif").mkdir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadArgumentsError, match=says):
        check_film(tmp_path / file, frames, seconds)


def test_without_the_extra_mp4_alone_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(BadArgumentsError, match=r"pip install imageio-ffmpeg.* \.gif"):
        check_film(tmp_path / "a.mp4", 5)
    check_film(tmp_path / "a.gif", 5)
    check_film(tmp_path / "a.png", 5)


def test_a_spool_gives_frames_back(tmp_path):
    spool = Spool(16)
    for _ in range(2):
        frames = [smooth(i, (16, 16)) for i in range(4)]
        spool.clear()
        for frame in frames:
            spool.append(frame)
        assert len(spool) == 4 and np.array_equal(spool[2], frames[2])
        assert all(np.array_equal(a, b) for a, b in zip(spool, frames, strict=True))
    for index in (-1, 4):
        with pytest.raises(IndexError):
            spool[index]
    with pytest.raises(ValueError, match="16, 16"):
        spool.append(smooth(0))
