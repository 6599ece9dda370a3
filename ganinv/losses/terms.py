"""The terms that a search may minimize, and the table that names them.

A term is made for its targets, once, and is then a function `term(images, small, ws)` of images
(N, 3, H, W), their box means (N, 3, h, w) at the loss's resolution, and their ws
(N, num_ws, w_dim). It returns a scalar: the sum over images, not the mean, so that no image's
gradient depends on how many there are. To add a term, write its function and its row.

A term of one's own needs no row: it is a function `term(images, target, ws)` that Python gives to
`invert`, and is called own:NAME in parameters and histories.

Nothing here imports torch before a term is made: parameters are checked against the table first.
"""

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ganinv.errors import ParamsError

if TYPE_CHECKING:
    from torch import Tensor

OWN = "own:"  # before the names of terms of one's own
PIXELS = 255 * 0.225  # of the scale 0 to 255 in one of the normalized images that VGG16 sees


@dataclass(frozen=True)
class Goal:
    """What a term is made from: targets at full size and as box means, and how to compute.

    `full` is (N, 3, H, W), `small` (N, 3, h, w); a single target serves all images. `lpips_net` is
    the network behind the term named lpips; `compiled` is "on" or "off". `encode` maps images
    (N, 3, H, W) to codes (N, num_ws, w_dim), or is None where there is no encoder.
    """

    full: "Tensor"
    small: "Tensor"
    lpips_net: str
    precision: str
    compiled: str
    encode: "Callable[[Tensor], Tensor] | None"


# images, small, ws -> (); ws may be None where no term asks for them
LossTerm = Callable[["Tensor", "Tensor", Any], "Tensor"]
# images (1, 3, H, W) and target (1, 3, H, W) in [-1, 1], ws (1, num_ws, w_dim) -> ()
OwnTerm = Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]


def l2(goal: Goal) -> LossTerm:
    """Mean squared difference on [-1, 1], of the box means."""
    return lambda images, small, ws: (small - goal.small).square().mean((1, 2, 3)).sum()


def l2_full(goal: Goal) -> LossTerm:
    """Mean squared difference on [-1, 1], at full size."""
    return lambda images, small, ws: (images - goal.full).square().mean((1, 2, 3)).sum()


def lpips(goal: Goal, net: str = "") -> LossTerm:
    """LPIPS of the box means, by the network `net` or the goal's own; see `losses.lpips`."""
    from ganinv.losses.lpips import distance_to

    return distance_to(goal.small, net or goal.lpips_net, goal.precision, goal.compiled)


def lpips_vgg(goal: Goal) -> LossTerm:
    """LPIPS by VGG16."""
    return lpips(goal, "vgg")


def lpips_alex(goal: Goal) -> LossTerm:
    """LPIPS by AlexNet."""
    return lpips(goal, "alex")


def vgg(goal: Goal) -> LossTerm:
    """Mean squared difference of VGG16's relu4_3 features, the second term of eq. 4.

    In-Domain GAN Inversion (arXiv 2004.00049). At the scale of pixels from 0 to 255, for which the
    paper's code weighs it by 5e-5; the network is torchvision's, the paper's came from Caffe.
    """
    from ganinv.losses.lpips import see_relu4_3

    see, wanted = see_relu4_3(goal.small, goal.precision)
    return lambda images, small, ws: (
        PIXELS**2 * (see(small) - wanted).square().mean((1, 2, 3)).sum()
    )


def domain(goal: Goal) -> LossTerm:
    """mean (ws - E(G(ws)))^2: the third term of In-Domain GAN Inversion's eq. 4 (arXiv 2004.00049).

    E(G(ws)) is computed anew at every step and differentiated, as in the paper: a constant E(x)
    would pull to the start and not to where images and codes agree. The mean is over all entries of
    ws, as in the paper's code, where its weight, lambda, is 2. Raises ValueError without an
    encoder.
    """
    encode = goal.encode
    if encode is None:
        raise ValueError("loss: domain needs an encoder; name one with the parameter encoder")
    return lambda images, small, ws: (ws - encode(images)).square().mean((1, 2)).sum()


@dataclass(frozen=True)
class Row:
    """A row of the table: how a term is called and made, and what it asks for.

    `label` may name the parameter lpips_net in braces; `pixels` is the least side of the box means.
    """

    label: str
    make: Callable[[Goal], LossTerm]
    pixels: int = 1
    needs_encoder: bool = False


TERMS = {
    "l2": Row("L2", l2),
    "l2_full": Row("L2 at full size", l2_full),
    "lpips": Row("LPIPS-{lpips_net}", lpips, pixels=32),
    "lpips_vgg": Row("LPIPS-vgg", lpips_vgg, pixels=32),
    "lpips_alex": Row("LPIPS-alex", lpips_alex, pixels=32),
    "vgg": Row("VGG features", vgg, pixels=32),
    "domain": Row("in-domain", domain, needs_encoder=True),
}


def is_term(name: object) -> bool:
    """Whether a term may have this name: one of the table, or own:NAME."""
    return isinstance(name, str) and (name in TERMS or bool(re.fullmatch(OWN + r"\w+", name)))


def row_of(name: str, own: Mapping[str, OwnTerm] | None = None) -> Row:
    """Return the row of a term: that of the table, or one made of a function in `own`."""
    if not name.startswith(OWN):
        return TERMS[name]
    function = (own or {}).get(name)
    return Row(f"{name.removeprefix(OWN)} (own)", functools.partial(_make_own, name, function))


def _make_own(name: str, function: OwnTerm | None, goal: Goal) -> LossTerm:
    if function is None:
        raise ParamsError(_missing(name))
    target = goal.full.clone()  # a function that writes into what it is given must reach no other

    def term(images: "Tensor", small: "Tensor", ws: Any) -> "Tensor":
        given = None if ws is None else ws.clone()
        value = function(images.clone(), target, given)  # type: ignore[arg-type]
        wants = images.requires_grad or (ws is not None and ws.requires_grad)
        return _check_own(name, value, wants)

    return term


def _check_own(name: str, value: Any, wants_gradient: bool) -> "Tensor":
    """Return what a term of one's own gave. Raises ParamsError for what cannot be minimized."""
    import torch

    if not isinstance(value, torch.Tensor):
        raise ParamsError(f"the loss term {name} returned {value!r}; a scalar tensor is wanted")
    if value.shape != () or not value.is_floating_point():
        kind = f"{str(value.dtype).removeprefix('torch.')} tensor of the shape {tuple(value.shape)}"
        raise ParamsError(
            f"the loss term {name} returned a {kind}; a scalar of floats is wanted, as .mean() or "
            ".sum() make it"
        )
    if wants_gradient and not value.requires_grad:
        raise ParamsError(
            f"the loss term {name} returned a tensor without a gradient; compute it from images or "
            "ws by torch's functions, without no_grad, detach or numpy"
        )
    return value


def name_own(
    loss: Any, known: Mapping[str, OwnTerm] | None = None
) -> tuple[Any, dict[str, OwnTerm]]:
    """Name the functions in a loss, itself one or a dict with some as keys: (loss, {name: it}).

    The name is own: and the function's own; lambdas, and names given before, get a number. `known`
    are functions of another loss with their names, which they keep.
    """
    own = dict(known or {})
    if callable(loss):
        name = _own_name(loss, own)
        return name, own | {name: loss}
    if not isinstance(loss, dict):
        return loss, own
    named = {}
    for key, weight in loss.items():
        if callable(key):
            name = _own_name(key, own, loss.keys())
            own[name] = key
            named[name] = weight
        else:
            named[key] = weight
    return named, own


def _own_name(function: Any, known: Mapping[str, OwnTerm], keys: Iterable[Any] = ()) -> str:
    taken = {*known, *keys}
    if named := next((name for name, other in known.items() if other is function), ""):
        return named
    inner = getattr(function, "func", function)  # of a functools.partial
    given = getattr(inner, "__name__", type(inner).__name__)
    name = OWN + (re.sub(r"\W+", "_", given).strip("_") or "term")
    number = 1 if given == "<lambda>" else 2
    if given != "<lambda>" and name not in taken:
        return name
    while f"{name}{number}" in taken:
        number += 1
    return f"{name}{number}"


def check_own(loss: str | dict[str, float], own: Mapping[str, OwnTerm] | None = None) -> None:
    """Raise ParamsError where a loss names a term of one's own that is not in `own`.

    A file of parameters and the command line can name such a term, but not give its function.
    """
    for name in loss_weights(loss):
        if name.startswith(OWN) and name not in (own or {}):
            raise ParamsError(_missing(name))


def _missing(name: str) -> str:
    return (
        f"loss: {name} is a function that only Python can give; pass it itself, as in "
        f"ganinv.invert(G, image, loss={{{name.removeprefix(OWN)}: 1.0}}), or leave the term out"
    )


def loss_name(loss: str | dict[str, float]) -> str:
    """A loss as part of a folder's name: its own, or those of its terms, joined by +."""
    return loss if isinstance(loss, str) else "+".join(loss)


def loss_weights(loss: str | dict[str, float]) -> dict[str, float]:
    """A loss by name, or a mapping of weights, as the mapping; terms of weight 0 are left out."""
    weights = {loss: 1.0} if isinstance(loss, str) else loss
    return {name: weight for name, weight in weights.items() if weight}


def needs_encoder(loss: str | dict[str, float]) -> bool:
    """Whether a term of the loss asks an encoder at every step."""
    return any(row_of(name).needs_encoder for name in loss_weights(loss))
