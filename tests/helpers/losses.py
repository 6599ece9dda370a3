"""Losses as numbers."""

from ganinv.losses.reconstruction import make_loss


def evaluate(loss, image, target, **changes):
    """The loss of `image` against `target`, and its terms: (total, {term: value})."""
    given = dict(lpips_net="vgg", loss_resolution=256) | changes
    total, terms = make_loss(loss, target, **given)(image)
    return total.item(), {name: value.item() for name, value in terms.items()}
