"""The pSp and e4e encoder against the reference outputs of e4e's own code."""

import json
import math
import zlib

import numpy as np
import pytest
import torch

from ganinv.encoders.irse import IRSEEncoder, irse_config
from helpers.paths import DATA

SHAPES = json.loads((DATA / "e4e_1024_keys.json").read_text(encoding="utf-8"))


def fill(name, shape):
    """The tensor the reference output was computed with for `name`: it depends on that alone.

    Seeded by the CRC-32 of the name: normal weights scaled by sqrt(2/fan_in), by 1 in the linear
    layers; scales and slopes uniform in [0.25, 0.75]; variances in [0.5, 1.5]; the rest 0.1 normal.
    """
    random = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.long)
    if name.endswith("running_var"):
        return torch.rand(shape, generator=random) + 0.5
    if len(shape) == 1 and name.endswith("weight"):
        return torch.rand(shape, generator=random) * 0.5 + 0.25
    gain = 0.1 if len(shape) == 1 else math.sqrt(2 / math.prod(shape[1:]))
    return torch.randn(shape, generator=random).mul_(1 if ".linear.w" in name else gain)


def build(state, *, head="e4e", num_ws=18, latent_avg=None):
    """A frozen encoder that shares the tensors of `state` and takes its first `num_ws` rows."""
    with torch.device("meta"):
        encoder = IRSEEncoder(head=head, num_ws=num_ws)
    avg = torch.zeros(num_ws, 512) if latent_avg is None else latent_avg
    own = {name: state[name] for name in encoder.state_dict() if name in state}
    encoder.load_state_dict(own | {"latent_avg": avg}, assign=True)
    return encoder.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def state():
    """The tensors of the reference, 1.1 GB, which all encoders here share."""
    return {name: fill(name, shape) for name, shape in SHAPES.items()}


@pytest.fixture(scope="module")
def small(state):
    """An encoder of four rows: as good as eighteen where rows do not matter, and much quicker."""
    return build(state, num_ws=4)


@pytest.fixture(scope="module")
def image():
    return noise_image(256, seed=7)


@pytest.fixture(scope="module")
def codes():
    """What e4e's own code gives for `image`, its latent average left out: (1, 18, 512)."""
    with np.load(DATA / "e4e_1024.npz") as file:
        return torch.from_numpy(file["codes"])


def noise_image(size, seed):
    return torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def assert_close(got, wanted, tolerance=1e-4):
    """Within `tolerance` of the largest absolute value, as the vectors' README asks."""
    assert got.shape == wanted.shape
    assert (got - wanted).abs().max() <= tolerance * wanted.abs().max()


def meta_state(shapes=SHAPES):
    """A state of names and shapes, without memory."""
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


# --- the network --------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["e4e", "psp"])
def test_names_and_shapes_are_those_of_the_published_encoders(head):
    with torch.device("meta"):
        tensors = IRSEEncoder(head=head).state_dict()
    shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
    assert shapes.pop("latent_avg") == [18, 512]
    assert shapes == SHAPES


def test_codes_are_those_of_the_reference(state, image, codes):
    assert_close(build(state, head="e4e")(image), codes)


def test_psp_rows_are_the_offsets_that_e4e_adds_to_its_first_row(state, image, codes):
    rows = build(state, head="psp")(image)
    first, offsets = codes[:, :1], codes[:, 1:] - codes[:, :1]
    assert_close(rows, torch.cat([first, offsets], 1))


@pytest.mark.parametrize("num_ws", [1, 6, 14])
def test_an_encoder_of_fewer_rows_gives_the_first_rows(state, image, codes, num_ws):
    assert_close(build(state, num_ws=num_ws)(image), codes[:, :num_ws])


def test_latent_average_is_added_row_by_row(state, image, codes):
    avg = torch.randn(4, 512, generator=torch.Generator().manual_seed(0))
    assert_close(build(state, num_ws=4, latent_avg=avg)(image), codes[:, :4] + avg)


def test_a_new_encoder_describes_itself_and_has_no_latent_average():
    encoder = IRSEEncoder(num_ws=2)
    about = encoder.resolution, encoder.num_ws, encoder.w_dim, encoder.head
    assert about == (256, 2, 512, "e4e") and encoder.name == encoder.sha256 == ""
    assert torch.equal(encoder.latent_avg, torch.zeros(2, 512))
    assert "latent_avg" in dict(encoder.named_buffers())


# --- its input ----------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [2, 4])
def test_larger_images_are_seen_as_their_box_mean(small, image, codes, factor):
    boxes = noise_image(256 * factor, seed=1).reshape(1, 3, 256, factor, 256, factor)
    boxes = boxes - boxes.mean((3, 5), keepdim=True) + image[:, :, :, None, :, None]
    assert_close(small(boxes.reshape(1, 3, 256 * factor, 256 * factor)), codes[:, :4])


def test_a_factor_that_is_not_whole_is_taken_as_well(small):
    flat = torch.full((1, 3, 320, 320), 0.5)  # its mean over any boxes is itself
    assert_close(small(flat), small(flat[:, :, :256, :256]))


def test_images_of_a_batch_do_not_touch_each_other(small, image, codes):
    batch = small(torch.cat([noise_image(256, seed=8), image]))
    assert_close(batch[1:], codes[:, :4])
    assert (batch[0] - batch[1]).abs().max() > 1e-3


def test_gradient_to_the_image_matches_a_finite_difference(small, image):
    x = image.clone().requires_grad_()
    direction = torch.randn(1, 4, 512, generator=torch.Generator().manual_seed(2))
    (grad,) = torch.autograd.grad((small(x) * direction).sum(), x)
    assert grad.abs().amax((0, 1)).gt(0).all()  # from every pixel
    step = 1e-2 * grad / grad.norm()
    with torch.no_grad():
        after, before = small(torch.cat([image + step, image - step])).split(1)
    change = ((after - before) * direction).sum()
    assert change.item() == pytest.approx(2e-2 * grad.norm().item(), rel=0.02)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((1, 3, 255, 255), "256x256 or larger; got 255x255"),
        ((1, 3, 256, 512), "square images; got 512x256"),
        ((1, 3, 128, 256), "square images; got 256x128"),
        ((3, 256, 256), r"\(N, 3, H, W\)"),
        ((1, 6, 256, 256), r"\(N, 3, H, W\)"),
    ],
)
def test_images_that_do_not_fit_are_refused_with_the_reason(small, shape, reason):
    with pytest.raises(ValueError, match=reason):
        small(torch.zeros(shape))


@pytest.mark.parametrize("head", ["restyle", "", None])
def test_an_unknown_head_is_refused(head):
    with pytest.raises(ValueError, match="head must be e4e or psp"):
        IRSEEncoder(head=head)
    with pytest.raises(ValueError, match="head must be e4e or psp"):
        irse_config(meta_state(), head)


def test_an_encoder_of_no_rows_is_refused():
    with pytest.raises(ValueError, match="num_ws must be 1 or more"):
        IRSEEncoder(num_ws=0)


# --- reading the configuration from a state -----------------------------------------------------


@pytest.mark.parametrize("head", ["e4e", "psp"])
@pytest.mark.parametrize("num_ws", [14, 18])
def test_configuration_follows_from_the_names_and_the_given_head(head, num_ws):
    dropped = tuple(f"styles.{row}." for row in range(num_ws, 18))
    state = meta_state({k: v for k, v in SHAPES.items() if not k.startswith(dropped)})
    assert irse_config(state, head) == {"head": head, "num_ws": num_ws}


def test_configuration_of_what_the_encoder_itself_saved():
    with torch.device("meta"):
        saved = IRSEEncoder(head="psp", num_ws=5).state_dict()
    assert irse_config(saved, "psp") == {"head": "psp", "num_ws": 5}


def test_reading_the_configuration_leaves_the_global_seed_alone():
    before = torch.get_rng_state()
    irse_config(meta_state(), "e4e")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("part", ["", "input_layer.", "body."])
def test_a_state_without_the_body_is_refused(part):
    state = meta_state({k: v for k, v in SHAPES.items() if not k.startswith(part)})
    with pytest.raises(ValueError, match="no IR-SE50 body"):
        irse_config(state, "e4e")


@pytest.mark.parametrize("name", ["body.23.res_layer.5.fc2.weight", "latlayer2.bias"])
def test_a_state_that_lacks_a_tensor_is_refused_by_its_name(name):
    state = meta_state()
    del state[name]
    with pytest.raises(ValueError, match=f"lacks {name}$"):
        irse_config(state, "e4e")


def test_a_gap_in_the_style_blocks_is_refused():
    state = meta_state({k: v for k, v in SHAPES.items() if not k.startswith("styles.3.")})
    with pytest.raises(ValueError, match=r"lacks styles\.3\..* and 11 more"):
        irse_config(state, "e4e")


def test_a_restyle_encoder_is_refused_by_its_six_channels():
    state = meta_state(SHAPES | {"input_layer.0.weight": [64, 6, 3, 3]})
    with pytest.raises(ValueError, match="ReStyle"):
        irse_config(state, "e4e")


def test_a_body_without_squeeze_and_excitation_is_refused():
    state = meta_state({k: v for k, v in SHAPES.items() if ".res_layer.5." not in k})
    with pytest.raises(ValueError, match="IR, not IR-SE"):
        irse_config(state, "e4e")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"input_layer.0.weight": [64, 4, 3, 3]}, "4 channels"),
        ({"styles.0.linear.weight": [256, 512]}, r"styles\.0\.linear\.weight is \(256, 512\)"),
        ({"body.24.res_layer.0.weight": [512]}, r"neither has body\.24"),
    ],
)
def test_other_relatives_are_refused_with_what_differs(changes, reason):
    with pytest.raises(ValueError, match=reason):
        irse_config(meta_state(SHAPES | changes), "e4e")


def test_a_face_recognizer_without_style_blocks_is_refused():
    kept = ("input_layer.", "body.")
    state = meta_state({k: v for k, v in SHAPES.items() if k.startswith(kept)})
    with pytest.raises(ValueError, match="no style blocks"):
        irse_config(state, "e4e")
