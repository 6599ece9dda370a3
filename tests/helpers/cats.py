"""Cat heads that nobody photographed."""

import numpy as np
from PIL import Image

# a head of 100 pixels, upright: eyes, mouth, and the ears' points, outer base, tip, inner base
UPRIGHT = np.array(
    [[30, 60], [70, 60], [50, 80], [10, 40], [15, 0], [40, 30], [60, 30], [85, 0], [90, 40]], float
)


def turned(points, degrees, scale=1.0, shift=(0, 0)):
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ turn.T * scale + shift


def annotation(points):
    return "9 " + " ".join(str(round(v)) for v in points.ravel()) + " "


def dotted(points, size=(400, 400)):
    """Grey, a white left eye, a black right one, a red mouth."""
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    colours = [(255, 255, 255), (0, 0, 0), (255, 0, 0)]
    for (x, y), colour in zip(points[:3].round().astype(int), colours, strict=True):
        picture[y - 6 : y + 7, x - 6 : x + 7] = colour
    return Image.fromarray(picture)
