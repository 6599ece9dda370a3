"""The student against OpenVINO's outputs; the inverse Haar transform by hand."""

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ganinv.generators.mobile_stylegan import inverse_haar
from ganinv.paths import project_root
from helpers.paths import DATA

VECTORS = DATA / "student_openvino.npz"


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
