"""What pages show of an image set: its pictures where they may be shown, else the reason.

Whether they may, its entry in data/sets.yaml says (`why_not_shown`). Distances are shown of every
set, so that one can tell whether its images were learnt by heart.
"""

import html

import numpy as np

from ganinv.analysis.neighbours import NEAR, Neighbours
from ganinv.report.show_gans import images_html
from ganinv.training.sets.image_sets import why_not_shown

FIRST, COLUMNS = 32, 8  # pictures of a set, and in a row
PAIRS = 16  # samples with their nearest images


def first_images(images: str, real: np.ndarray) -> str:
    """Show the first of the images uint8 (N, S, S, 3) of the set `images`, or say why not."""
    if reason := reason_html(images):
        return reason
    return images_html(real[:FIRST], COLUMNS, alt="Images of the set")


def reason_html(images: str) -> str:
    """Say in a paragraph why the images of a set are not shown; "" where they may be."""
    reason = why_not_shown(images)
    return f"<p>{html.escape(reason)}</p>" if reason else ""


def nearest_images(images: str, real: np.ndarray, samples: np.ndarray, found: Neighbours) -> str:
    """Show the first samples and, where the set `images` may be shown, each one's nearest image.

    `real` (N, S, S, 3) are all of the set's, `samples` (M, S, S, 3) those whose neighbours were
    found; both are uint8.
    """
    if why_not_shown(images):
        caption = "samples; the images nearest to them are not shown"
        return images_html(samples[:PAIRS], COLUMNS, alt="Samples", caption=caption)
    nearest, rows = real[found.index[:PAIRS]], []
    for start in range(0, len(nearest), COLUMNS):
        end = min(start + COLUMNS, len(nearest))
        rows += [samples[start:end], nearest[start:end]]
    return images_html(
        np.concatenate(rows),
        COLUMNS,
        alt="Samples and their nearest training images",
        caption="odd rows: samples; even rows: the nearest image of the set",
    )


def describe_neighbours(found: Neighbours) -> str:
    """Say, in Markdown, how near samples lie to the set, beside its own images."""
    figures = found.summary()
    sample, image, count = figures["distance"], figures["between_images"], figures["samples"]
    return (
        f"The {count} samples are nearest to {found.different} different images. A sample lies at "
        f"{sample['median']:.2f} from its nearest image (median; {sample['least']:.2f} at the "
        f"least), an image of the set at {image['median']:.2f} from its nearest other "
        f"({image['least']:.2f} at the least; of {len(found.usual)} images). {NEAR:.0%} of the "
        f"images lie nearer to another than {found.usual.quantile(NEAR):.2f}, and so near to an "
        f"image lie {found.near} of the {count} samples: {NEAR * count:.0f} or fewer are expected "
        "of a generator that learnt no image by heart, and many more of one that did."
    )
