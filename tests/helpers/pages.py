"""HTML taken apart."""

from html.parser import HTMLParser


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
