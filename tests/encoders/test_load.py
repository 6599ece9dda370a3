"""Whole e4e checkpoints, built from our own network, give an encoder and a generator."""

import shutil

import pytest
import torch

from ganinv import load_generator
from ganinv.encoders.irse import IRSEEncoder
from ganinv.encoders.load import load_encoder
from helpers.checks import strict_json
from helpers.commands import cli
from helpers.foreign_checkpoints import WIDTH, kept_in, names_in, sentence, sha256, tiny_encoder
from helpers.networks import assert_close

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture(scope="module")
def network():
    """An IR-SE50 of two rows, which is as small as it gets: 64 million numbers.

    The body's are such as half precision holds, too.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = IRSEEncoder(head="e4e", num_ws=2).eval().requires_grad_(False)
    made.body.half().float()
    return made


@pytest.fixture(scope="module")
def average():
    return torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(5))


@pytest.fixture(scope="module")
def checkpoint(network, average, tmp_path_factory):
    """An e4e checkpoint: encoder, decoder, options, an average of a vector for each row.

    The encoder's body is in half precision, as others may have saved theirs.
    """
    path = tmp_path_factory.mktemp("e4e") / "e4e_small.pt"
    own = network.state_dict()
    del own["latent_avg"]
    own |= {name: x.half() for name, x in own.items() if name[:4] == "body" and x.ndim}
    state = {f"encoder.{name}": x for name, x in own.items()}
    made = tiny_encoder(decoder=True, latent_avg=average)
    made["state_dict"] = {k: x for k, x in made["state_dict"].items() if k[0] == "d"} | state
    torch.save(made, path)
    yield path
    shutil.rmtree(path.parent)  # it is large, and pytest would keep it


@pytest.fixture(scope="module")
def codes(network):
    """An image and the rows that the style blocks give for it: (1, 3, 256, 256), (1, 2, 512)."""
    image = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(7)) * 2 - 1
    rows = network(image)
    assert rows.std() > 1e-3
    return image, rows


@pytest.fixture
def no_litter(root):
    yield
    shutil.rmtree(root / "checkpoints")


def test_one_checkpoint_gives_an_encoder_and_a_generator(
    checkpoint, network, codes, average, root, no_litter
):
    encoder, generator = load_encoder(checkpoint), load_generator(checkpoint)
    image, rows = codes
    for name, tensor in network.state_dict().items():
        loaded = encoder.state_dict()[name]
        assert loaded.dtype == tensor.dtype
        assert torch.equal(loaded, average if name == "latent_avg" else tensor)
    assert_close(encoder(image), rows + average, 1e-6)
    assert_close(encoder(image) - average, rows, 1e-3)
    assert (encoder.head, encoder.num_ws, encoder.resolution) == ("e4e", 2, 256)
    assert encoder.name == generator.name == "e4e_small"
    assert encoder.sha256 == generator.sha256 == sha256(checkpoint)
    assert not encoder.training and not any(p.requires_grad for p in encoder.parameters())
    assert (generator.resolution, generator.w_dim, generator.num_ws) == (64, WIDTH, 10)
    assert [name.split("-")[1] for name in kept_in(root)] == ["encoder"] * 2 + ["generator"] * 2
    assert names_in(checkpoint.parent) == [checkpoint.name]


def test_convert_writes_both_parts_each_with_its_description(
    checkpoint, codes, average, tmp_path, capsys
):
    out = tmp_path / "small.safetensors"
    assert cli("weights", "convert", checkpoint, "--out", out, "--head", "psp") == 0
    written = [tmp_path / f"small.{kind}.safetensors" for kind in ("encoder", "generator")]
    assert capsys.readouterr().out.splitlines() == list(map(str, written))
    assert names_in(tmp_path) == sorted(
        f"small.{kind}.{end}"
        for kind in ("encoder", "generator")
        for end in ("json", "safetensors")
    )
    for path, kind in zip(written, ("encoder", "generator"), strict=True):
        note = strict_json(path.with_suffix(".json"))
        assert note["kind"] == kind and note["source"] == checkpoint.name
        assert note["sha256"] == sha256(path) and note["source_sha256"] == sha256(checkpoint)
    image, rows = codes
    rows = torch.stack([rows[:, 0], rows[:, 1] - rows[:, 0]], 1)  # pSp's rows are no offsets
    encoder = load_encoder(written[0])
    assert torch.allclose(encoder(image), rows + average, atol=1e-5) and encoder.head == "psp"
    assert load_generator(written[1]).resolution == 64
    assert "holds no generator" in sentence(load_generator, written[0])
    assert "holds no encoder" in sentence(load_encoder, written[1])
    shutil.rmtree(tmp_path)
