"""Read the constants of an OpenVINO IR v10 network: an .xml that points into a .bin."""

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import torch

TYPES = {"f32": "<f4", "f16": "<f2", "i64": "<i8", "i32": "<i4", "u8": "u1"}


def read_constants(xml: bytes | str, binary: bytes) -> dict[str, torch.Tensor]:
    """Read every `Const` layer by its name: a dict of tensors in the file's own type.

    Raises ValueError when a layer points outside the binary or its size and shape disagree.
    """
    constants = {}
    try:
        network = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise ValueError(f"not an XML network: {error}") from None
    for layer in network.iterfind("layers/layer[@type='Const']"):
        data = layer.find("data")
        if data is None:
            raise ValueError(f"the layer {layer.get('name')} has no data")
        about = data.attrib
        dtype = np.dtype(TYPES[about["element_type"]])
        shape = [int(n) for n in about["shape"].split(",") if n.strip()]
        offset, size = int(about["offset"]), int(about["size"])
        if (
            min([size, *shape]) < 0
            or size != math.prod(shape) * dtype.itemsize
            or not 0 <= offset <= len(binary) - size
        ):
            raise ValueError(f"the layer {layer.get('name')} does not fit its binary")
        values = np.frombuffer(binary, dtype, math.prod(shape), offset)
        constants[layer.attrib["name"]] = torch.from_numpy(values.reshape(shape).copy())
    return constants
