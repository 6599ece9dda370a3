"""Metrics against closed forms, scikit-image and the lpips package."""

import math
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import correlate1d
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from ganinv import compute_metrics
from ganinv.measures.reconstruction import METRICS, MS_SSIM_SIDE
from ganinv.paths import project_root
from helpers.lpips_package import package_lpips


def from_levels(levels):
    """8-bit levels (H, W, 3) as a tensor (3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.asarray(levels, np.float32)).permute(2, 0, 1) / 127.5 - 1


def levels(seed, size=64, low=0, high=256):
    return np.random.default_rng(seed).integers(low, high, (size, size, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def photo():
    """The astronaut's 512x512 levels."""
    with Image.open(project_root() / "data" / "samples" / "astronaut.png") as image:
        return np.array(image.convert("RGB").resize((512, 512)))


@pytest.mark.parametrize("offset", [1, 10, 51])
def test_psnr_of_a_known_error(offset):
    target = np.full((32, 32, 3), 100, np.uint8)
    result = target.copy()
    result[:16] += np.uint8(offset)  # half of the pixels
    error = (offset / 255) ** 2 / 2
    got = compute_metrics(from_levels(result), from_levels(target))["psnr"]
    assert got == pytest.approx(-10 * math.log10(error), abs=1e-6)


def test_psnr_of_black_against_white_is_zero():
    black, white = torch.full((3, 32, 32), -1.0), torch.full((3, 32, 32), 1.0)
    assert compute_metrics(black, white)["psnr"] == pytest.approx(0, abs=1e-9)


def test_identical_images():
    image = from_levels(levels(0))
    metrics = compute_metrics(image, image)
    assert metrics["psnr"] == math.inf
    assert metrics["ssim"] == pytest.approx(1)
    assert metrics["lpips_alex"] == metrics["lpips_vgg"] == 0


def test_ssim_is_scikit_images_mean_over_channels(photo):
    a = photo[:128, :128]
    b = np.clip(a + np.random.default_rng(0).normal(0, 20, a.shape), 0, 255).astype(np.uint8)
    channels = [
        structural_similarity(a[..., c] / 255, b[..., c] / 255, data_range=1) for c in range(3)
    ]
    got = compute_metrics(from_levels(b), from_levels(a))["ssim"]
    assert 0.1 < got < 0.9
    assert got == pytest.approx(np.mean(channels), abs=1e-6)


def test_ssim_of_constants_by_its_formula():
    a, b = np.full((32, 32, 3), 51, np.uint8), np.full((32, 32, 3), 204, np.uint8)
    x, y, c1 = 0.2, 0.8, 0.01**2
    wanted = (2 * x * y + c1) / (x * x + y * y + c1)  # both variances and the covariance are 0
    assert compute_metrics(from_levels(a), from_levels(b))["ssim"] == pytest.approx(
        wanted, abs=1e-6
    )


BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # table I of Wang et al. 2003, their exponents


def plain_ms_ssim(a, b):
    """Multi-scale SSIM of two levels (H, W, 3) by the formulas of Wang et al. 2003, in float64.

    The means at each scale are those of all channels. As torchmetrics does, the edges that a
    window would leave are cut off, but at the last scale, where the picture is mirrored.
    """
    c1, c2 = 0.01**2, 0.03**2
    a, b = a / 255, b / 255
    product = 1.0
    for scale, beta in enumerate(BETAS):
        x, y, xx, yy, xy = (windowed(p) for p in (a, b, a * a, b * b, a * b))
        vx, vy, cov = xx - x * x, yy - y * y, xy - x * y
        structure = (2 * cov + c2) / (vx + vy + c2)  # contrast and structure in one
        if scale == len(BETAS) - 1:
            luminance = (2 * x * y + c1) / (x * x + y * y + c1)
            product *= max((luminance * structure).mean(), 0) ** beta
        else:
            product *= max(structure[5:-5, 5:-5].mean(), 0) ** beta
        height, width = (n // 2 * 2 for n in a.shape[:2])
        a, b = (
            p[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
            for p in (a, b)
        )
    return product


def windowed(picture):
    """Means under a Gaussian window, 11x11, of standard deviation 1.5."""
    weights = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    for axis in (0, 1):
        picture = correlate1d(picture, weights, axis=axis, mode="mirror")
    return picture


@pytest.mark.parametrize("side", [512, 300, 177])
@pytest.mark.parametrize("strength", [5, 60])
def test_ms_ssim_is_that_of_the_papers_formulas(photo, side, strength):
    a = photo[:side, :side]
    b = np.clip(a + np.random.default_rng(0).normal(0, strength, a.shape), 0, 255)
    b = b.astype(np.uint8)
    got = compute_metrics(from_levels(b), from_levels(a))["ms_ssim"]
    assert 0.3 < got < 0.999
    assert got == pytest.approx(plain_ms_ssim(a, b), abs=2e-5)


def test_ms_ssim_of_equal_and_of_opposed_images(photo):
    image = from_levels(photo)
    assert compute_metrics(image, image)["ms_ssim"] == pytest.approx(1, abs=1e-6)
    assert compute_metrics(-image, image)["ms_ssim"] == 0  # what correlates negatively counts as 0


def test_ms_ssim_is_not_measured_where_five_scales_do_not_fit(photo):
    """The least side is that which torchmetrics takes."""
    for side, fits in ((MS_SSIM_SIDE, True), (MS_SSIM_SIDE - 1, False)):
        image = from_levels(photo[:side, :side])
        assert math.isfinite(compute_metrics(image, image)["ms_ssim"]) == fits
        batch = image[None].contiguous()
        with nullcontext() if fits else pytest.raises(ValueError, match="larger than 160"):
            multiscale_structural_similarity_index_measure(batch, batch, data_range=1.0)


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_lpips_is_the_packages_on_the_box_mean_at_256(photo, net):
    target = photo
    result = np.roll(photo, 7, axis=1)
    box_means = [
        torch.from_numpy((x / 127.5 - 1).reshape(256, 2, 256, 2, 3).mean((1, 3))).float()
        for x in (result, target)
    ]
    a, b = (x.permute(2, 0, 1)[None] for x in box_means)
    wanted = package_lpips(net)(a, b).item()
    got = compute_metrics(from_levels(result), from_levels(target))[f"lpips_{net}"]
    assert wanted > 0.02
    assert got == pytest.approx(wanted, abs=1e-5)


def test_an_image_far_out_of_range_counts_as_its_clamped_one():
    target = from_levels(levels(0))
    wild = target * 5
    assert wild.abs().max() > 4
    assert compute_metrics(wild, target) == compute_metrics(wild.clamp(-1, 1), target)


def test_noise_below_half_a_level_changes_nothing():
    target, result = from_levels(levels(0)), from_levels(levels(1))
    rng = torch.Generator().manual_seed(0)
    jitter = (torch.rand(result.shape, generator=rng) - 0.5) * 0.98 / 127.5
    assert jitter.abs().max() > 0.4 / 127.5
    assert compute_metrics(result + jitter, target) == compute_metrics(result, target)
    assert compute_metrics(target + jitter, target)["psnr"] == math.inf


def test_noise_above_half_a_level_counts():
    target = from_levels(levels(0, low=1, high=255))
    assert compute_metrics(target + 0.6 / 127.5, target)["psnr"] == pytest.approx(
        20 * math.log10(255), abs=1e-6
    )


def test_metrics_are_plain_floats():
    metrics = compute_metrics(from_levels(levels(0)), from_levels(levels(1)))
    names = ["psnr", "ssim", "ms_ssim", "lpips_alex", "lpips_vgg", "identity"]
    assert list(metrics) == list(METRICS) == names
    assert all(type(value) is float for value in metrics.values())


@pytest.mark.parametrize("shape", [(3, 32, 64), (3, 32, 32), (1, 64, 64), (1, 3, 64, 64)])
def test_shapes_that_differ_are_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        compute_metrics(torch.zeros(shape), torch.zeros(3, 64, 64))


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("psnr", None, "∞"),  # of equal images, read back from JSON
        ("psnr", math.inf, "∞"),
        ("psnr", math.nan, "–"),
        ("psnr", 20.0, "20.00"),
        ("ms_ssim", None, "–"),
        ("ms_ssim", math.nan, "–"),
        ("identity", None, "–"),
        ("identity", math.nan, "–"),
        ("identity", 0.4321, "0.432"),
    ],
)
def test_null_is_infinity_of_psnr_and_else_not_measured(name, value, shown):
    assert METRICS[name].show(value) == shown


# --- what is taken and what is refused ---


def test_pictures_files_and_8_bits_are_measured_as_their_tensors(tmp_path):
    a, b = levels(0), levels(1)
    wanted = compute_metrics(from_levels(a), from_levels(b))
    Image.fromarray(b).save(tmp_path / "b.png")
    as_bytes = torch.from_numpy(a).permute(2, 0, 1)
    for result, target in [(a, b), (Image.fromarray(a), b), (as_bytes, tmp_path / "b.png")]:
        assert compute_metrics(result, target) == wanted


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda x: (x + 1) * 127.5, "the target has values.*0 to 255"),
        (lambda x: x.where(x > x.min(), torch.nan), "the target holds NaN"),
        (lambda x: x.where(x > x.min(), torch.inf), "the target holds NaN or infinite"),
        (lambda x: x.int(), "the target is torch.int32"),
    ],
)
def test_a_target_on_another_scale_is_refused(spoil, says):
    x = from_levels(levels(0))
    with pytest.raises(ValueError, match=says):
        compute_metrics(x, spoil(x))


def test_a_reconstruction_that_holds_nan_is_refused():
    x = from_levels(levels(0))
    with pytest.raises(ValueError, match="the reconstruction holds NaN"):
        compute_metrics(x.where(x > x.min(), torch.nan), x)


def test_a_target_in_the_unit_range_is_warned_of_at_the_callers_line():
    x = from_levels(levels(0))
    with pytest.warns(UserWarning, match=r"the target: values lie in \[0, 1\]") as caught:
        compute_metrics((x + 1) / 2, (x + 1) / 2)
    assert [str(warning.filename) for warning in caught] == [__file__]
