"""Our own weight files: safetensors whose metadata describe the network."""

import json

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from ganinv.errors import WeightsError
from ganinv.files import atomic_path


def save_weights(path, tensors, description):
    """Write safetensors whose metadata holds the description as JSON, one key for stable bytes.

    Raises WeightsError where the file cannot be written.
    """
    _check_name(path)
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    metadata = {"ganinv": json.dumps(description, sort_keys=True)}
    try:
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata=metadata)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error  # without the temporary file's name
        raise WeightsError(f"{path} cannot be written: {reason}") from None


def _check_name(path):
    try:
        str(path).encode()
    except UnicodeEncodeError:
        reason = "its name is not UTF-8, which safetensors asks for; rename it"
        raise WeightsError(f"{path} cannot be used: {reason}") from None


def read_weights(path):
    """Read such a file: (description, {name: tensor}). Raises WeightsError."""
    description = read_description(path)
    try:
        return description, load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path} is not a whole safetensors file ({error})") from None


def read_description(path):
    """The description alone, a dict that is empty where the file has none. Raises WeightsError."""
    _check_name(path)
    try:
        with safe_open(path, "pt") as file:
            description = json.loads((file.metadata() or {}).get("ganinv", "{}"))
    except FileNotFoundError:
        raise WeightsError(f"there is no file {path}") from None
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is not a whole safetensors file ({error})") from None
    return description if isinstance(description, dict) else {}
