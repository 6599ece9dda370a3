"""What the names of sets of drawn faces mean: faces, or faces:N.

Nothing here imports torch, which draws them, so that a wrong name is told at once.
"""

from ganinv.errors import ParamsError
from ganinv.training.sets.cache import MIN_IMAGES

GENERATOR = "ffhq-student"  # which draws the faces
COUNT = 4096  # ten minutes on one core, once
LARGEST = 1024  # pixels a side, at which a face is drawn


def is_faces(images: str) -> bool:
    """Tell whether a set is one of drawn faces."""
    return images.partition(":")[0] == "faces"


def count_faces(images: str, size: int) -> int:
    """Count the faces of "faces" or "faces:N", of size x size pixels. Raises ParamsError."""
    count = images.partition(":")[2] if ":" in images else str(COUNT)
    if not count.isdecimal() or int(count) < MIN_IMAGES:
        raise ParamsError(f"{images}: write faces, or faces:N with N at least {MIN_IMAGES}")
    if size > LARGEST:
        raise ParamsError(
            f"faces are drawn at {LARGEST}x{LARGEST}; a size of {size} would enlarge them"
        )
    return int(count)
