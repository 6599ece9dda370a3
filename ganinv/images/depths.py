"""Grey images of 16 and 32 bits, and of floating-point numbers, as 8 bits."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from ganinv.errors import ImageError

DARK = 16  # where the brightest value is below white by more than this factor, it is said


def is_deep(image: Image.Image) -> bool:
    """Tell whether a `PIL.Image` holds more than 8 bits, which Pillow itself would clip at 255."""
    return image.mode.startswith("I") or image.mode == "F"


def to_8_bits(image: Image.Image, notice: Callable[[str], None]) -> Image.Image:
    """Scale a deep grey `PIL.Image` so that its white becomes 255.

    `notice` is told, each in a sentence, of values that are not numbers, of values that are
    clipped, and where all values are far below white. Raises ImageError where no value is a number.
    """
    values = np.asarray(image, dtype=np.float64)
    numbers = np.isfinite(values)
    if not numbers.any():
        raise ImageError("it holds no picture: none of its values is a finite number")
    brightest = values[numbers].max()
    top = _white(brightest, image.mode)
    missing = np.isnan(values).mean()
    if missing:
        notice(f"{_share(missing)} of its pixels are not numbers (NaN); they become black")
    clipped = ((values < 0) | (values > top)).mean()  # NaN is neither
    if clipped:
        notice(f"{_share(clipped)} of its pixels lie outside 0 to {top} and are clipped")
    if 0 < brightest < top / DARK and not image.mode.startswith("I;16"):
        notice(f"its values reach {brightest:.4g}, and {top} is taken as white: it comes out dark")
    values = np.nan_to_num(values, nan=0, posinf=top, neginf=0).clip(0, top)
    return Image.fromarray((values * (255 / top)).round().astype(np.uint8))


def _white(brightest, mode):
    """The value of white: 16-bit files say it, others show it by their largest value."""
    if mode.startswith("I;16"):
        return 65535
    if mode == "F" and brightest <= 1:
        return 1
    return 65535 if brightest > 255 else 255


def _share(share):
    return f"{share * 100:.0f} %" if share >= 0.01 else "under 1 %"
