"""HTML taken apart."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
from PIL import Image


class Tags(HTMLParser):
    """Collects tags and the addresses they would load."""

    def __init__(self):
        super().__init__()
        self.tags, self.addresses, self.handlers = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "data", "srcset") and v]
        self.handlers += [k for k, _ in attrs if k.startswith("on")]


def read_tags(text):
    parser = Tags()
    parser.feed(text)
    return parser


def pictures_in(text):
    """The pictures of a page that lie in it as data, uint8 (H, W, 3) each."""
    encoded = [x.partition("base64,")[2] for x in read_tags(text).addresses if x[:5] == "data:"]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(x))).convert("RGB")) for x in encoded]


def read_cells(text):
    """The texts of a table's cells, in order; of heads those of rows alone."""
    cells = re.findall(r'<t(?:d|h scope="row")[^>]*>(.*?)</t[dh]>', text)
    return [re.sub("<[^>]*>", "", cell) for cell in cells]
