"""Colours as a viewer shows them: embedded ICC profiles converted to sRGB by LittleCMS.

A telephone's photographs are Display P3; read as if they were sRGB, skin turns grey. The intent is
relative colorimetric with black point compensation, and what sRGB cannot hold is clipped. A profile
that cannot be used is ignored, as browsers do.
"""

import io

import numpy as np
from PIL import Image, ImageCms

SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}  # Pillow's mode: the profile's colour space
NOTICEABLE = 1  # levels of 8 bits; a profile that changes less is sRGB under another name


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert a `PIL.Image` of 8 bits a channel from its ICC `profile` to sRGB.

    Transparency stays as it is; grey and CMYK become RGB. The image itself is returned where there
    is no profile, where it is broken or made for other channels, and where it is (nearly) sRGB's.
    """
    if not profile:
        return image
    if image.mode in ("RGBA", "LA"):
        *bands, alpha = image.split()
        colours = Image.merge("RGB", bands) if len(bands) == 3 else bands[0]
        found = to_srgb(colours, profile)
        if found is colours:
            return image
        return Image.merge("RGBA", (*found.split(), alpha))
    try:
        transform = _transform(image.mode, profile)
        return image if transform is None else ImageCms.applyTransform(image, transform) or image
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, OverflowError):
        return image  # a broken profile


def _transform(mode, profile):
    """The transform of a mode to sRGB, or None where it would change nothing to speak of."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if source.profile.xcolor_space != SPACES.get(mode):
        return None
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    if mode == "L":  # LittleCMS's short cut for grey is off by 10 levels in the dark
        flags |= ImageCms.Flags.NOOPTIMIZE
    transform = ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags,
    )
    return None if _changes_nothing(mode, transform) else transform


def _changes_nothing(mode, transform):
    if mode == "CMYK":
        return False
    if mode == "L":
        probe = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    else:
        levels = np.linspace(0, 255, 17).round().astype(np.uint8)
        grid = np.stack(np.meshgrid(levels, levels, levels), -1)  # (17, 17, 17, 3)
        probe = Image.fromarray(np.ascontiguousarray(grid.reshape(17, -1, 3)))
    before = np.asarray(probe.convert("RGB")).astype(int)
    after = np.asarray(ImageCms.applyTransform(probe, transform)).astype(int)
    return np.abs(after - before).max() <= NOTICEABLE
