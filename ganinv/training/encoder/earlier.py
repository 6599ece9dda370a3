"""An earlier encoder that a training begins from in place of the closed form."""

from torch import Tensor

from ganinv.encoders.domain import DomainEncoder
from ganinv.encoders.load import load_encoder
from ganinv.errors import ParamsError


def load_start(name: str, like: DomainEncoder) -> tuple[dict[str, Tensor], str]:
    """Load the head of the encoder `name`, with the shapes of the encoder `like`, and its hash.

    Raises ParamsError for an encoder that does not fit, WeightsError for one that is not here.
    """
    encoder = load_encoder(name)
    head = encoder.head() if isinstance(encoder, DomainEncoder) else {}
    if {k: x.shape for k, x in head.items()} != {k: x.shape for k, x in like.head().items()}:
        raise ParamsError(f"start: {name} is no domain-guided encoder for this generator")
    return head, encoder.sha256
