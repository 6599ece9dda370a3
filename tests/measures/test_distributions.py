"""Measures of image sets: closed forms, brute force, and corruptions that are to be ranked."""

import lpips
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.linalg import sqrtm
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist
from skimage import data

from ganinv.compute.processes import ALONE
from ganinv.losses.lpips import package_lpips
from ganinv.measures.distributions import (
    FEATURES,
    KID_SUBSETS,
    compare_sets,
    coverage,
    diversity,
    nearest,
    set_features,
)
from helpers.together import together


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gaussian(count, mean, covariance, seed):
    """A sample (count, D) whose mean and covariance are these to the last digits."""
    x = normal(count, len(mean), seed=seed)
    x = x - x.mean(0)
    white = x @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov())).T
    root = torch.linalg.cholesky(torch.as_tensor(covariance, dtype=torch.float64))
    return white @ root.T + torch.as_tensor(mean, dtype=torch.float64)


def random_covariance(size, seed):
    root = normal(size, size, seed=seed)
    return root @ root.T / size + 0.1 * torch.eye(size, dtype=torch.float64)


# --- FID and KID --------------------------------------------------------------------------------


def test_fid_of_gaussians_with_axes_in_common():
    """|m1 - m2|^2 + the sum of (s1 - s2)^2 over axes."""
    spreads, means = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 0.5]]), np.array([[0, 1, 2], [3, 1, 0]])
    real, fake = (
        gaussian(400, mean, np.diag(spread**2), seed)
        for seed, (mean, spread) in enumerate(zip(means, spreads, strict=True))
    )
    wanted = 9 + 4 + 1 + 2.5**2
    assert compare_sets(real, fake, seed=0)["fid"] == pytest.approx(wanted, rel=1e-6)


def test_fid_of_gaussians_in_general_position():
    a, b, shift = random_covariance(6, 1), random_covariance(6, 2), np.arange(6) / 3
    real, fake = gaussian(300, np.zeros(6), a, 3), gaussian(500, shift, b, 4)
    wanted = np.square(shift).sum() + np.trace(a + b - 2 * sqrtm(a.numpy() @ b.numpy()).real)
    assert compare_sets(real, fake, seed=0)["fid"] == pytest.approx(wanted, rel=1e-6)


def test_fid_of_fewer_images_than_features_is_finite():
    values = compare_sets(normal(20, 64), normal(20, 64, seed=1), seed=0)
    assert 0 < values["fid"] < 1000


def test_a_set_is_not_far_from_itself():
    """KID is below 0 by what pairs of an image with itself, which its cross term has, add."""
    x = normal(500, 16)
    values = compare_sets(x, x.flip(0), seed=0)
    kernel = (x @ x.T / 16 + 1) ** 3
    alone, all_of_them = kernel.diagonal().mean().item(), kernel.mean().item()
    assert values["fid"] == pytest.approx(0, abs=1e-6)
    wanted = -2 / 499 * (alone - all_of_them)
    assert values["kid"] == pytest.approx(wanted, abs=3 * values["kid_std"] / 50**0.5)
    assert abs(wanted) < 0.05
    assert (values["precision"], values["recall"]) == (1, 1)


def test_kid_has_no_bias():
    """Over pairs of samples of one distribution its mean is 0 within its error; FID's is not."""
    pairs = [
        compare_sets(normal(60, 8, seed=i), normal(60, 8, seed=99 + i), seed=0) for i in range(40)
    ]
    kids = np.array([pair["kid"] for pair in pairs])
    assert abs(kids.mean()) < 3 * kids.std() / np.sqrt(len(kids))
    assert min(kids) < 0 < max(kids)
    assert min(pair["fid"] for pair in pairs) > 0.5


def test_kid_is_the_unbiased_mmd_of_the_cubic_kernel():
    """The mean over subsets of one size estimates the value of all images, computed in loops."""
    real, fake = normal(40, 5).numpy(), normal(40, 5, seed=1).numpy() * 1.5 + 0.5

    def mean_kernel(a, b, same):
        values = [
            (sum(p * q for p, q in zip(x, y, strict=True)) / 5 + 1) ** 3
            for i, x in enumerate(a)
            for j, y in enumerate(b)
            if not (same and i == j)
        ]
        return sum(values) / len(values)

    wanted = mean_kernel(real, real, True) + mean_kernel(fake, fake, True)
    wanted -= 2 * mean_kernel(real, fake, False)
    values = [compare_sets(torch.tensor(real), torch.tensor(fake), seed=i) for i in range(8)]
    error = values[0]["kid_std"] / np.sqrt(8 * KID_SUBSETS)
    assert np.mean([v["kid"] for v in values]) == pytest.approx(wanted, abs=4 * error)
    assert error < 0.05 * wanted


def test_the_seed_decides_the_subsets_and_nothing_else_does():
    real, fake = normal(100, 4), normal(90, 4, seed=1)
    torch.manual_seed(1)
    first = compare_sets(real, fake, seed=3)
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), after), "the global generator stays as it was"
    assert compare_sets(real, fake, seed=3) == first
    assert compare_sets(real, fake, seed=4)["kid"] != first["kid"]
    assert set(first) == {"fid", "kid", "kid_std", "precision", "recall"}
    assert all(type(value) is float for value in first.values())


def test_nothing_is_said(recwarn, capsys):
    compare_sets(normal(20, 4), normal(20, 4, seed=1), seed=0)
    assert not recwarn.list and capsys.readouterr() == ("", "")


@pytest.mark.parametrize("sizes", [(7, 100), (100, 7), (0, 8)])
def test_sets_too_small_to_compare(sizes):
    with pytest.raises(ValueError, match="too small"):
        compare_sets(normal(sizes[0], 4), normal(sizes[1], 4), seed=0)


# --- precision and recall -----------------------------------------------------------------------


def line(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


def test_balls_reach_to_the_third_nearest_other():
    """Around 0, 1, 2, 3 they have radii 3, 2, 2, 3: the line from -3 to 6, ends included."""
    reference = line(0, 1, 2, 3)
    for inside in (-3, 0, 1.5, 5.9, 6):
        assert coverage(line(inside), reference) == 1
    for outside in (-3.001, 6.001, 50):
        assert coverage(line(outside), reference) == 0
    assert coverage(line(-3, 0, 7, 8), reference) == 0.5


def test_identical_sets_and_disjoint_ones():
    x = normal(300, 12).float()
    assert coverage(x, x.flip(0)) == 1
    assert coverage(x, x + 1000) == 0 == coverage(x + 1000, x)


def test_half_of_the_modes_is_half_of_recall():
    modes = torch.arange(8, dtype=torch.float64).repeat_interleave(50)[:, None] * 100
    real = modes + normal(400, 2)
    fake = modes[:200] + normal(200, 2, seed=1)
    values = compare_sets(real, fake, seed=0)
    assert values["precision"] > 0.85 and 0.42 < values["recall"] <= 0.5


def test_one_image_again_and_again_has_precision_without_recall():
    real = normal(50, 6)
    fake = real[7].expand(40, -1)
    assert coverage(fake, real) == 1
    assert coverage(real, fake) == 1 / 50, "its balls have no size, but it lies in them"


@pytest.mark.parametrize("block", [7, 50, 1024])
def test_coverage_is_that_of_all_distances(block):
    """By scipy's matrix of distances, with blocks that do and do not divide the sets."""
    points, reference = normal(120, 5, seed=1) * 1.3, normal(100, 5)
    radii = np.sort(cdist(reference, reference), 1)[:, 3]  # the first is its own
    wanted = (cdist(points, reference) <= radii).any(1).mean()
    assert 0.2 < wanted < 0.95
    assert coverage(points, reference, block=block) == pytest.approx(wanted)


def test_a_large_offset_costs_no_digits():
    points, reference = normal(100, 4, seed=1), normal(100, 4)
    assert coverage(points + 1e4, reference + 1e4) == coverage(points, reference)


# --- neighbours and diversity -------------------------------------------------------------------


def test_nearest_by_hand():
    index, distance = nearest(line(0, 10, 20), line(9, 21, 4, 10))
    assert index.tolist() == [1, 2, 0, 1] and distance.tolist() == [1, 1, 4, 0]


def test_nearest_is_that_of_all_distances():
    real, fake = normal(80, 6), normal(50, 6, seed=1)
    fake[3] = real[11]
    index, distance = nearest(real.float(), fake.float(), block=9)
    everything = cdist(fake.float(), real.float())
    assert index.tolist() == everything.argmin(1).tolist()
    assert np.allclose(distance, everything.min(1), atol=1e-9) and distance[3] == 0


def test_diversity_in_closed_form():
    real = line(0, 1, 3)  # distances 1, 3, 2
    assert diversity(real, line(5, 5, 5, 5)) == 0
    assert diversity(real, line(0, 4)) == pytest.approx(2)
    many = normal(200, 5)
    assert diversity(many, many * 0.5 + 7) == pytest.approx(0.5)


def test_diversity_of_many_blocks():
    real, fake = normal(60, 5), normal(45, 5, seed=1) * 2
    means = [cdist(x, x).sum() / (len(x) * (len(x) - 1)) for x in (real, fake)]
    assert diversity(real, fake, block=16) == pytest.approx(means[1] / means[0])


# --- features -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crops():
    """Pieces of photographs at 64x64, half of them for comparison: uint8 (2, 48, 64, 64, 3)."""
    rng = np.random.default_rng(0)
    pictures = [data.astronaut(), data.coffee(), data.chelsea()]
    found = []
    for i in range(96):
        picture = pictures[i % 3]
        side = rng.integers(100, 200)
        top, left = (rng.integers(0, length - side) for length in picture.shape[:2])
        crop = Image.fromarray(picture[top : top + side, left : left + side])
        found.append(np.asarray(crop.resize((64, 64), Image.Resampling.LANCZOS)))
    return np.stack(found).reshape(2, 48, 64, 64, 3)


def test_features_are_those_of_the_lpips_package(crops):
    model = package_lpips("vgg")
    images = torch.from_numpy(crops[0, :4]).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        level = lpips.normalize_tensor(model.net(model.scaling_layer(images)).relu5_3)
    wanted = level.mean((2, 3)) * 512**0.5
    got = set_features(crops[0, :4])
    assert (got.dtype, got.shape) == (torch.float32, (4, 512))
    assert torch.allclose(got, wanted, atol=1e-5)
    assert "not Inception" in FEATURES


def test_features_do_not_depend_on_the_batch_and_come_from_disk(crops, tmp_path):
    whole = set_features(crops[0, :7])
    np.save(tmp_path / "set.npy", crops[0, :7])
    mapped = set_features(np.load(tmp_path / "set.npy", mmap_mode="r"), batch=3)
    assert torch.allclose(mapped, whole, atol=1e-5)


@pytest.mark.parametrize("size", [16, 32])
def test_features_of_small_images(crops, size):
    assert set_features(crops[0, :2, :size, :size]).isfinite().all()


def test_images_that_have_no_features(crops):
    with pytest.raises(ValueError, match="uint8"):
        set_features(crops[0].astype(np.float32))
    with pytest.raises(ValueError, match="uint8"):
        set_features(crops[0].transpose(0, 3, 1, 2))
    with pytest.raises(ValueError, match="fewer than 16"):
        set_features(crops[0, :, :8, :8])


def blurred(images, strength):
    spread = (0, strength, strength, 0)
    return gaussian_filter(images.astype(float), spread).round().astype(np.uint8)


def noised(images, strength):
    noise = np.random.default_rng(1).normal(0, strength, images.shape)
    return (images + noise).clip(0, 255).round().astype(np.uint8)


def repeated(images, count):
    return images[np.arange(len(images)) % count]


@pytest.mark.parametrize(
    ("corrupt", "strengths"), [(blurred, (1, 2, 4)), (noised, (10, 25, 60)), (repeated, (16, 4, 1))]
)
def test_stronger_corruptions_are_farther_away(crops, corrupt, strengths):
    real, other = crops
    features = set_features(real)
    sets = [other] + [corrupt(other, strength) for strength in strengths]
    values = [compare_sets(features, set_features(images), seed=0) for images in sets]
    for name in ("fid", "kid"):
        ranked = [value[name] for value in values]
        assert ranked == sorted(ranked) and ranked[-1] > 2 * ranked[0], name
    assert values[-1]["recall"] < 0.5 * values[0]["recall"]


def test_a_collapse_shows(crops):
    real, other = (set_features(images) for images in crops)
    collapsed = other[:1].expand(40, -1)
    assert diversity(real, other) > 0.8 and diversity(real, collapsed) < 1e-6
    assert len(nearest(real, collapsed)[0].unique()) == 1 < len(nearest(real, other)[0].unique())


def compared_by_first(processes):
    real, fake = (normal(16, 4, seed=number) for number in (0, 1))
    return processes.by_first(compare_sets, real, fake, seed=0)


def test_the_first_of_several_processes_compares_without_the_others(tmp_path):
    found, errors = together(tmp_path, 2, compared_by_first)
    assert errors == ["", ""]
    assert found == [compared_by_first(ALONE)] * 2
