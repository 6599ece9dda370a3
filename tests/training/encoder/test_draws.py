"""What the encoder is trained on: drawn latents, changed images, photographs."""

import numpy as np
import pytest
import torch
from PIL import Image

from ganinv.errors import ParamsError
from ganinv.images.alignment import load_image
from ganinv.training.encoder import draws
from helpers.listed_sets import listed_set
from helpers.tensors import noise, seeded


def draw(toy, count=12, seed=0, **options):
    return draws.draw_ws(toy, count, seeded(seed), **options)


def test_without_truncations_share_latents_are_the_mean(toy):
    ws, one = draw(toy, truncation=(0, 0), mixing=1)
    assert torch.equal(ws, toy.w_avg.expand(12, 8, 32))
    assert not one.any()


def test_truncation_scales_the_distance_to_the_mean(toy):
    full, _ = draw(toy, truncation=(1, 1))
    half, _ = draw(toy, truncation=(0.5, 0.5))
    assert torch.allclose(half - toy.w_avg, (full - toy.w_avg) / 2, atol=1e-5)
    between, _ = draw(toy, count=100, truncation=(0.5, 1.0), mixing=0)
    whole, _ = draw(toy, count=100, truncation=(1, 1), mixing=0)
    psi = (between - toy.w_avg).norm(dim=(1, 2)) / (whole - toy.w_avg).norm(dim=(1, 2))
    assert 0.5 <= psi.min() < 0.55 and 0.95 < psi.max() <= 1
    assert psi.mean().item() == pytest.approx(0.75, abs=0.05)


def test_untruncated_latents_are_the_mappings_own(toy):
    many = draw(toy, count=400, truncation=(1, 1), mixing=0)[0][:, 0]
    assert (many.mean(0) - toy.w_avg).norm() < 0.2 * toy.w_std
    root_mean_square = (many - toy.w_avg).square().sum(1).mean().sqrt()
    assert root_mean_square.item() == pytest.approx(toy.w_std.item(), rel=0.1)


def test_without_mixing_all_rows_are_one_w(toy):
    ws, one = draw(toy, mixing=0)
    assert ws.shape == (12, 8, 32) and ws.is_contiguous()
    assert torch.equal(ws, ws[:, :1].expand_as(ws)) and one.tolist() == [True] * 12
    assert len({tuple(w.tolist()) for w in ws[:, 0]}) == 12


def test_with_mixing_rows_change_once_to_a_second_w(toy):
    mixed, one = draw(toy, count=60, mixing=1)
    plain, _ = draw(toy, count=60, mixing=0)
    assert not one.any()
    changes = (mixed[:, 1:] != mixed[:, :-1]).any(2)  # (60, 7)
    assert changes.sum(1).tolist() == [1] * 60
    assert changes.any(0).all()  # at every row of some image
    assert torch.equal(mixed[:, 0], plain[:, 0])
    assert not torch.isclose(mixed[:, -1], plain[:, -1]).all(1).any()


def test_mask_says_which_images_are_one_w(toy):
    ws, one = draw(toy, count=300)
    same = (ws == ws[:, :1]).all(2).all(1)
    assert torch.equal(one, same)
    assert one.float().mean().item() == pytest.approx(0.6, abs=0.08)


def test_latents_depend_on_the_generator_of_random_numbers_alone(toy):
    before = torch.get_rng_state()
    first, again, other = draw(toy), draw(toy), draw(toy, seed=1)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert (first[0] - other[0]).abs().amax((1, 2)).min() > 0.1
    assert torch.equal(torch.get_rng_state(), before)


def test_no_share_leaves_the_very_images():
    images = noise(0)
    assert draws.change(images, seeded(), 0) is images


def test_a_tiny_share_mirrors_half_of_them_and_nothing_else():
    images = noise(1, n=64, size=8)
    changed = draws.change(images, seeded(), 1e-12)
    same = (changed == images).flatten(1).all(1)
    mirrored = (changed == images.flip(3)).flatten(1).all(1)
    assert torch.equal(same, ~mirrored)
    assert 20 <= mirrored.sum() <= 44


@pytest.mark.parametrize("share", [0.4, 1.0])
@pytest.mark.parametrize(("n", "size"), [(6, 32), (1, 64)])
def test_changed_images_keep_their_shape_and_range(share, n, size):
    images = (noise(2, n=n, size=size) * 3).clamp(-1, 1)
    before, state = images.clone(), torch.get_rng_state()
    for seed in range(5):
        changed = draws.change(images, seeded(seed), share)
        assert changed.shape == images.shape and changed.dtype == images.dtype
        assert changed.isfinite().all() and changed.abs().max() <= 1 + 1e-6
        assert torch.equal(changed, draws.change(images, seeded(seed), share))
        if share == 1:
            assert (changed - images).abs().amax((1, 2, 3)).min() > 0.01
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)


def test_about_a_share_of_the_images_is_changed():
    images = noise(3, n=400, size=8)
    changed = draws.change(images, seeded(), 0.3)
    kept = sum((changed == x).flatten(1).all(1) for x in (images, images.flip(3)))
    assert kept.sum().item() / 400 == pytest.approx(0.7**3, abs=0.08)


def test_an_image_is_changed_by_itself_and_one_other():
    images, other = noise(4, n=5), noise(4, n=5)
    other[0] = noise(5, n=1)[0]
    touched = []
    for seed in range(10):
        a, b = (draws.change(x, seeded(seed), 1.0) for x in (images, other))
        touched.append((a != b).flatten(1).any(1))
    touched = torch.stack(touched)
    assert touched[:, 0].all() and touched[:, 1].any()  # none where one colour lies behind
    assert not touched[:, 2:].any()


def test_pixels_of_one_colour_stay_so_when_moved_and_recoloured():
    flat = torch.rand(6, 3, 1, 1, generator=seeded(6)).expand(6, 3, 16, 16) - 0.5
    draw = draws._Draws(seeded(), flat)
    for moved in (draws._move(flat, draw), draws._recolour(flat, draw)):
        assert torch.allclose(moved, moved[:, :, :1, :1].expand_as(moved), atol=1e-5)
    assert torch.allclose(draws._move(flat, draw), flat, atol=1e-5)
    assert (draws._recolour(flat, draw) - flat).abs().amax((1, 2, 3)).min() > 0.005


def test_moving_turns_and_shifts_by_little():
    """The position of each pixel, as an image: where the moved image takes its pixels from."""
    line = (torch.arange(64) + 0.5) / 32 - 1
    x, y = torch.meshgrid(line, line, indexing="xy")
    place = torch.stack((x, y, torch.zeros(64, 64))).expand(40, 3, 64, 64)
    moved = draws._move(place, draws._Draws(seeded(), place))
    inside = (..., slice(8, -8), slice(8, -8))  # what lies farther out may be reflected
    assert not moved[:, 2].any()
    distance = (moved - place)[inside].norm(dim=1)  # 1 is half the image
    assert distance.amax((1, 2)).min() > 0.02 and distance.max() < 0.06 + 0.75 * 1.5 * 0.14
    across = (moved[inside][:, :2, :, -1] - moved[inside][:, :2, :, 0]) / (line[-9] - line[8])
    scale, angle = across.norm(dim=1), torch.atan2(across[:, 1], across[:, 0])
    assert 0.929 < scale.min() < 0.96 and 1.04 < scale.max() < 1.071
    assert angle.min() < -0.05 and angle.max() > 0.05 and angle.abs().max() < 0.1001


def test_composed_images_are_between_the_two_pictures():
    front, behind = torch.full((1, 3, 32, 32), -0.9), torch.full((1, 3, 32, 32), 0.7)
    images = torch.cat((behind, front)).repeat(20, 1, 1, 1)  # each stands before the other
    made = draws._compose(images, draws._Draws(seeded(), images))
    assert (made[:, :, 16:20, 14:18] - images[:, :, :4, :4]).abs().median() < 0.05
    other = images.roll(1, 0)
    nearer = (made - other).abs() < (made - images).abs()
    corners = nearer[:, :, ::31, ::31].float().mean((1, 2, 3))
    assert corners.median() == 1  # but for plain colours and ragged edges
    inside = (made <= images.maximum(other) + 1e-5) & (made >= images.minimum(other) - 1e-5)
    assert inside.flatten(1).all(1).sum() >= 20  # the rest stand before a plain colour


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_without_photographs_is_refused_by_its_name(tmp_path, there):
    folder = tmp_path / "photos"
    if there:
        folder.mkdir()
        (folder / "notes.txt").write_text("none")
    with pytest.raises(ParamsError, match=f"no usable image in {folder}"):
        draws.Photographs([str(folder)], 32, print)


def test_photographs_of_a_named_set_are_those_to_train_on(tmp_path, monkeypatch):
    with listed_set(tmp_path, monkeypatch) as made:
        made.put(made.folder)
        photographs = draws.Photographs(["set:portraits"], 64, print, align=False)
    (first, *_), image = photographs.images, Image.open(made.folder / "train" / "003.jpg")
    assert len(photographs.images) == 10 and np.array_equal(first, image.convert("RGB"))


def test_what_is_no_photograph_of_a_face_is_left_out_with_a_notice(tmp_path, make_photo):
    folder, said = tmp_path / "photos", []
    make_photo(folder / "plain.png")
    (folder / "empty.png").write_bytes(b"")
    with pytest.raises(ParamsError, match=f"no usable image in {folder}"):
        draws.Photographs([folder], 32, said.append)
    assert len(said) == 2 and all(text.startswith("notice: ") for text in said)
    assert "empty.png" in said[0] and "the file is empty" in said[0]
    assert "plain.png" in said[1] and "no face" in said[1]


def test_photographs_are_drawn_as_they_lie_in_the_folder(tmp_path, make_photo):
    folder, said = tmp_path / "photos", []
    files = [make_photo(folder / sub, seed=i) for i, sub in enumerate(("a.png", "deep/b.jpg"))]
    (folder / "broken.png").write_bytes(files[0].read_bytes()[:60])
    photographs = draws.Photographs([str(folder)], 24, said.append, align=False)
    assert len(photographs.images) == 2 and len(said) == 1 and "broken.png" in said[0]
    wanted = [load_image(path, 24) for path in files]
    drawn = photographs.draw(30, seeded())
    assert drawn.shape == (30, 3, 24, 24) and drawn.dtype == torch.float32
    found = [[torch.equal(x, y) for y in wanted] for x in drawn]  # 8 bits there and back
    counts = np.sum(found, 0)
    assert counts.sum() == 30 and counts.min() >= 5
    assert torch.equal(drawn, photographs.draw(30, seeded()))


def test_photographs_of_several_sources_are_mixed_and_none_is_taken_twice(
    tmp_path, make_photo, monkeypatch
):
    own = tmp_path / "own"
    for seed in (1, 2):
        make_photo(own / f"{seed}.png", seed=seed)
    with listed_set(tmp_path, monkeypatch) as made:
        made.put(made.folder)
        sources = ["set:portraits/train", own, "set:portraits", own / ".." / "own"]
        photographs = draws.Photographs(sources, 24, print, align=False)
        paths = [*sorted((made.folder / "train").iterdir()), *sorted(own.iterdir())]
        wanted = [draws.to_uint8(load_image(path, 24)) for path in paths]
        assert np.array_equal(photographs.images, wanted) and len(wanted) == 12
        with pytest.raises(ParamsError, match="set:portraits/study is held out"):
            draws.Photographs([own, "set:portraits/study"], 24, print, align=False)


@pytest.mark.parametrize(
    ("count", "share", "wanted"),
    [(8, 0, 0), (8, 0.25, 2), (8, 0.26, 3), (8, 0.01, 1), (8, 0.99, 7), (8, 1, 8), (2, 0.9, 1)],
)
def test_share_is_rounded_up_but_never_to_all(count, share, wanted):
    assert draws.share_of(count, share) == wanted
