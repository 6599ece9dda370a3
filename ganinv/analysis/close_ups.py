"""Places of a photograph to be looked at unscaled, and where pictures differ most."""

from collections.abc import Sequence

import numpy as np

from ganinv.analysis.finished import Experiment

WINDOW = 128  # pixels of a close-up
# where an FFHQ crop has the centre of its left eye: shares (down, across)
EYE, EYE_AT = "An eye", (0.476, 0.375)
# no place has hair in every crop: the one that holds most, of those where an FFHQ crop may have it
FINEST = "Most detail above the brows"
ABOVE = (0.03, 0.41), (0.15, 0.85)  # of these rows and columns, as shares
WORST = "Where the code is worst"


def squares(target: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Average the squared difference of two pictures uint8 (H, W, 3) over channels: (H, W)."""
    return np.square(target.astype(np.float64) - picture).mean(2)


def worst_place(differences: np.ndarray, window: int) -> tuple[int, int]:
    """Find the square window over which differences (H, W) are largest: its (top, left).

    It is at most as large as they are.
    """
    sums = np.pad(differences, ((1, 0), (1, 0))).cumsum(0).cumsum(1)  # (H + 1, W + 1)
    n = window
    boxes = sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n]
    top, left = np.unravel_index(boxes.argmax(), boxes.shape)
    return int(top), int(left)


def finest_place(target: np.ndarray, window: int) -> tuple[int, int]:
    """Find the square window above the brows of an FFHQ crop that holds most detail: (top, left).

    Detail is the size of steps between neighbouring pixels of `target` uint8 (H, W, 3), in grey.
    """
    side = len(target)
    (top, bottom), (left, right) = ([round(x * side) for x in ends] for ends in ABOVE)
    top, left = min(top, side - window), min(left, side - window)  # of a small picture, all
    grey = target[top : max(bottom, top + window), left : max(right, left + window)].mean(2)
    steps = np.zeros_like(grey)
    steps[1:] += np.abs(np.diff(grey, axis=0))
    steps[:, 1:] += np.abs(np.diff(grey, axis=1))
    y, x = worst_place(steps, window)
    return top + y, left + x


def close_ups(
    experiments: Sequence[Experiment],
    image_id: str,
    *,
    window: int = WINDOW,
    judges: Sequence[Experiment] = (),
    worst: str = WORST,
) -> dict[str, list[np.ndarray]]:
    """Cut places out of a photograph and its results, unscaled: {place: pictures (n, n, 3)}.

    The photograph comes first, then each experiment. An eye is cut where FFHQ's alignment puts it,
    then the place above the brows that holds most detail, hair as a rule; both are left out of
    photographs that were not aligned. The last place, named `worst`, is
    where the squared differences of the `judges`, by default of the first experiment, are largest
    in sum.
    """
    first = experiments[0]
    target = first.picture(image_id, "target")
    results = {id(e): e.picture(image_id, "reconstruction") for e in (*experiments, *judges)}
    side = len(target)
    n = min(window, side)
    places = {}
    if first.params.align:
        top, left = (min(max(round(x * side - n / 2), 0), side - n) for x in EYE_AT)
        places[EYE] = top, left
        places[FINEST] = finest_place(target, n)
    judged = [squares(target, results[id(e)]) for e in judges or [first]]
    places[worst] = worst_place(np.sum(judged, axis=0), n)
    pictures = [target, *(results[id(e)] for e in experiments)]
    return {
        name: [picture[top : top + n, left : left + n] for picture in pictures]
        for name, (top, left) in places.items()
    }
