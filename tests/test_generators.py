"""Generators against reference vectors, closed forms and finite differences."""

import copy
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.torch import save_file

from ganinv import load_generator
from ganinv.errors import WeightsError
from ganinv.generators.base import measure_w
from ganinv.generators.mobile_stylegan import inverse_haar
from ganinv.paths import project_root
from helpers.toys import TOY_CONFIG, build_toy, save_toy

VECTORS = Path(__file__).parent / "data" / "student_openvino.npz"


@pytest.fixture(scope="module")
def reference():
    """What the OpenVINO runtime gives for the networks the student was converted from."""
    with np.load(VECTORS) as file:
        return dict(file)


@pytest.fixture(scope="module")
def student_image(student, reference):
    with torch.no_grad():
        w = torch.from_numpy(reference["w"])
        return student.synthesis(student.broadcast(w)).numpy()


def assert_close(got, wanted, tolerance=1e-4):
    """Within `tolerance` of the largest absolute value, as the vectors' README asks."""
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= tolerance * np.abs(wanted).max()


# --- the student --------------------------------------------------------------------------------


def test_student_maps_as_openvino_does(student, reference):
    ws = student.mapping(torch.from_numpy(reference["z"])).numpy()
    assert ws.shape == (1, 23, 512)
    for row in range(23):
        assert_close(ws[:, row], reference["w"])


def test_student_renders_as_openvino_does(student_image, reference):
    assert student_image.shape == (1, 3, 1024, 1024)
    assert_close(student_image[:, :, 384:640, 384:640], reference["img_crop_384_640"])
    box_mean = student_image.reshape(1, 3, 128, 8, 128, 8).mean((3, 5))
    assert_close(box_mean, reference["img_area_128"])


def test_student_describes_itself(student):
    sizes = student.resolution, student.z_dim, student.w_dim, student.num_ws
    assert sizes == (1024, 512, 512, 23)
    assert student.name == "ffhq-student"
    file = project_root() / "checkpoints" / "ffhq-student.safetensors"
    assert student.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_student_mean_and_spread_of_w(student):
    assert student.w_avg.shape == (512,)
    assert round(student.w_avg.norm().item(), 2) == 4.12
    assert round(student.w_std.item(), 2) == 9.97


# --- the inverse Haar transform -----------------------------------------------------------------


def test_inverse_haar_of_one_pixel_by_hand():
    ll, lh, hl, hh = 4.0, 2.0, 1.0, 0.5
    bands = torch.tensor([ll, lh, hl, hh]).reshape(1, 4, 1, 1)
    # half of (LL+LH+HL+HH, LL+LH-HL-HH; LL-LH+HL-HH, LL-LH-HL+HH)
    by_hand = torch.tensor([[3.75, 2.25], [1.25, 0.75]])
    assert torch.equal(inverse_haar(bands), by_hand[None, None])


def test_inverse_haar_takes_ll_first_and_then_three_bands_per_channel():
    bands = torch.zeros(1, 8, 1, 1)
    bands[0, 1] = 1.0  # LL of the second channel
    bands[0, 2] = 1.0  # LH of the first
    first, second = inverse_haar(bands)[0]
    assert torch.equal(first, torch.tensor([[0.5, 0.5], [-0.5, -0.5]]))
    assert torch.equal(second, torch.full((2, 2), 0.5))


def test_inverse_haar_puts_each_pixel_in_its_place():
    bands = torch.zeros(1, 4, 2, 3)
    bands[0, 0] = torch.arange(6.0).reshape(2, 3) * 2  # LL only: each value fills a 2x2 square
    wanted = torch.arange(6.0).reshape(2, 3).repeat_interleave(2, 0).repeat_interleave(2, 1)
    assert torch.equal(inverse_haar(bands)[0, 0], wanted)


@settings(max_examples=50, deadline=None)
@given(
    st.tuples(
        st.integers(1, 2), st.sampled_from([4, 8, 12]), st.integers(1, 4), st.integers(1, 4)
    ).flatmap(lambda shape: hnp.arrays(np.float64, shape, elements=st.floats(-1e3, 1e3)))
)
def test_inverse_haar_keeps_energy(bands):
    picture = inverse_haar(torch.from_numpy(bands))
    assert picture.shape == (len(bands), bands.shape[1] // 4, *(2 * n for n in bands.shape[2:]))
    energy = float((bands**2).sum())
    assert float(picture.square().sum()) == pytest.approx(energy, rel=1e-9, abs=1e-9)


def test_inverse_haar_is_orthonormal():
    basis = torch.eye(8, dtype=torch.float64).reshape(8, 8, 1, 1)
    columns = inverse_haar(basis).flatten(1)  # (8, 8)
    assert torch.allclose(columns @ columns.T, torch.eye(8, dtype=torch.float64), atol=1e-12)


# --- mapping and truncation ---------------------------------------------------------------------


def test_truncation_runs_from_the_mean_to_w(toy):
    z = torch.randn(3, toy.z_dim, generator=torch.Generator().manual_seed(5))
    full = toy.mapping(z, truncation=1.0)
    assert torch.equal(full, toy.mapping(z))
    none = toy.mapping(z, truncation=0.0)
    assert torch.allclose(none, toy.w_avg.expand_as(none), atol=1e-6)
    part = toy.mapping(z, truncation=0.7)
    assert torch.allclose(part, toy.w_avg + 0.7 * (full - toy.w_avg), atol=1e-6)
    assert (full - none).abs().max() > 0.1


def test_mapping_sees_the_direction_of_z_only(toy):
    z = torch.randn(3, toy.z_dim, generator=torch.Generator().manual_seed(5))
    assert torch.allclose(toy.mapping(z), toy.mapping(3 * z), atol=1e-5)


def test_mapping_gives_equal_rows_of_the_stated_shape(toy):
    ws = toy.mapping(torch.randn(3, toy.z_dim))
    assert ws.shape == (3, toy.num_ws, toy.w_dim)
    assert torch.equal(ws, ws[:, :1].expand_as(ws))


def test_labels_are_refused_by_a_generator_without_classes(toy):
    with pytest.raises(ValueError, match="label"):
        toy.mapping(torch.zeros(1, toy.z_dim), c=torch.zeros(1, 2))


def test_mean_and_spread_of_w_match_a_direct_count(toy):
    z = torch.randn(10_000, toy.z_dim, generator=torch.Generator().manual_seed(0))
    w = toy.mapping(z)[:, 0].numpy().astype(np.float64)
    mean = w.mean(0)
    assert np.allclose(toy.w_avg.numpy(), mean, atol=1e-5)
    spread = np.sqrt(((w - mean) ** 2).sum(1).mean())
    assert toy.w_std.item() == pytest.approx(spread, rel=1e-5)


def test_mean_of_w_ignores_the_global_seed(toy):
    again = copy.deepcopy(toy)
    again.w_avg.zero_()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(99)
        measure_w(again)
    assert torch.equal(again.w_avg, toy.w_avg) and torch.equal(again.w_std, toy.w_std)


# --- synthesis ----------------------------------------------------------------------------------


def test_generator_meets_the_protocol(toy):
    assert (toy.resolution, toy.z_dim, toy.w_dim, toy.num_ws) == (32, 32, 32, 8)
    assert toy.w_avg.shape == (32,) and toy.w_std.shape == ()
    assert toy.device == torch.device("cpu")
    images = toy.synthesis(toy.mapping(torch.randn(2, 32)))
    assert images.shape == (2, 3, 32, 32) and images.dtype == torch.float32


def test_constant_noise_gives_the_same_bits(toy, toy_images):
    images, ws = toy_images
    assert torch.equal(toy.synthesis(ws, noise="const"), images)  # and it is the default


def test_no_noise_is_what_noise_maps_of_zero_give(toy, toy_images):
    images, ws = toy_images
    plain = toy.synthesis(ws, noise="none")
    assert (plain - images).abs().max() > 0.01
    silent = copy.deepcopy(toy)
    for name, buffer in silent.named_buffers():
        if name.endswith("noise"):
            buffer.zero_()
    assert torch.equal(silent.synthesis(ws, noise="const"), plain)


def test_random_noise_differs_between_calls_and_images(toy, toy_images):
    _, ws = toy_images
    twice = ws[:1].expand(2, -1, -1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first, second = toy.synthesis(twice, noise="random"), toy.synthesis(twice, noise="random")
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("noise", ["constant", "", None, True])
def test_unknown_noise_is_refused(toy, toy_images, noise):
    with pytest.raises(ValueError, match="noise"):
        toy.synthesis(toy_images[1], noise=noise)


def test_a_batch_gives_what_each_image_gives_alone(toy, toy_images):
    images, ws = toy_images
    for image, one in zip(images, ws, strict=True):
        assert torch.allclose(toy.synthesis(one[None])[0], image, atol=1e-5)


def test_gradient_to_ws_matches_finite_differences(toy, toy_images, monkeypatch):
    # the image is rounded to float32 at the end, which hides what differences of 1e-6 show
    monkeypatch.setattr(torch.Tensor, "float", lambda tensor: tensor)
    double = copy.deepcopy(toy).double()
    rng = torch.Generator().manual_seed(0)
    probe = torch.randn(3, 32, 32, generator=rng, dtype=torch.float64)
    ws = toy_images[1][:1].double().requires_grad_(True)

    def value(ws):
        return (double.synthesis(ws)[0] * probe).sum()

    (gradient,) = torch.autograd.grad(value(ws), ws)
    used = gradient.abs().amax(2)[0] > 0
    assert used.tolist() == [True, True, True, False, True, True, False, True]  # 3, 6: no such head
    step = 1e-6
    for _ in range(10):
        direction = torch.randn(ws.shape, generator=rng, dtype=torch.float64)
        with torch.no_grad():
            slope = (value(ws + step * direction) - value(ws - step * direction)) / (2 * step)
        assert slope.item() == pytest.approx((gradient * direction).sum().item(), rel=1e-5)


# --- loading ------------------------------------------------------------------------------------


def test_loaded_generator_is_the_saved_one(toy, toy_path, toy_images):
    loaded = load_generator(toy_path)
    images, ws = toy_images
    assert torch.equal(loaded.synthesis(ws), images)
    assert torch.equal(loaded.w_avg, toy.w_avg) and torch.equal(loaded.w_std, toy.w_std)
    assert loaded.name == "toy"
    assert loaded.sha256 == hashlib.sha256(toy_path.read_bytes()).hexdigest()


def test_loaded_generator_is_frozen(toy_path):
    loaded = load_generator(str(toy_path))
    assert not loaded.training
    assert all(not p.requires_grad and p.dtype == torch.float32 for p in loaded.parameters())


def test_mean_of_w_is_measured_where_the_file_lacks_it(toy, tmp_path):
    state = {name: t for name, t in toy.state_dict().items() if name not in ("w_avg", "w_std")}
    loaded = load_generator(save_toy(tmp_path / "bare.safetensors", state))
    assert torch.equal(loaded.w_avg, toy.w_avg) and torch.equal(loaded.w_std, toy.w_std)


def test_missing_weights_name_the_command(tmp_path, monkeypatch):
    (tmp_path / "checkpoints").mkdir()
    shutil.copy(project_root() / "checkpoints" / "manifest.yaml", tmp_path / "checkpoints")
    monkeypatch.setenv("GANINV_ROOT", str(tmp_path))
    with pytest.raises(WeightsError, match="ganinv weights fetch ffhq-student"):
        load_generator("ffhq-student")


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(WeightsError, match="ffhq-student"):
        load_generator("ffhq-studnet")


def test_weights_that_are_no_generator_are_refused():
    with pytest.raises(WeightsError, match="no generator"):
        load_generator("lpips-alex")


def test_absent_file_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="no file"):
        load_generator(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("content", [b"", b"hello, I am text", b"<!doctype html><html></html>"])
def test_text_under_the_name_of_weights_is_refused(tmp_path, content):
    path = tmp_path / "text.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"text\.safetensors"):
        load_generator(path)


def test_truncated_weights_are_refused(toy_path, tmp_path):
    path = tmp_path / "short.safetensors"
    path.write_bytes(toy_path.read_bytes()[:-1000])
    with pytest.raises(WeightsError, match="not a whole"):
        load_generator(path)


def test_tensors_without_a_description_are_refused(tmp_path):
    path = tmp_path / "bare.safetensors"
    save_file({"latent": torch.zeros(8, 32)}, path)
    with pytest.raises(WeightsError, match="no generator"):
        load_generator(path)


def _without(state, name):
    return {key: tensor for key, tensor in state.items() if key != name}


UNFIT = {
    "a tensor missing": lambda state: _without(state, "const"),
    "a tensor too many": lambda state: state | {"extra": torch.zeros(1)},
    "another shape": lambda state: state | {"const": torch.zeros(1, 16, 4, 4)},
}


@pytest.mark.parametrize("change", UNFIT.values(), ids=UNFIT.keys())
def test_state_that_does_not_fit_is_refused(toy, tmp_path, change):
    path = save_toy(tmp_path / "unfit.safetensors", change(toy.state_dict()))
    with pytest.raises(WeightsError, match="does not fit"):
        load_generator(path)


@pytest.mark.parametrize("config", [{}, TOY_CONFIG | {"depth": 3}, TOY_CONFIG | {"z_dim": 16}])
def test_description_that_does_not_fit_is_refused(toy, tmp_path, config):
    path = save_toy(tmp_path / "unfit.safetensors", toy.state_dict(), config=config)
    with pytest.raises(WeightsError, match="does not fit"):
        load_generator(path)


def test_toys_of_two_seeds_differ(toy, toy_images):
    """The fixtures are no constant: what is compared above can differ."""
    assert not torch.equal(build_toy(3).synthesis(toy_images[1]), toy_images[0])
