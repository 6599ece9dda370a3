"""An image set that is listed file by file, in small, and a server of this machine that has it."""

import contextlib
import hashlib
import shutil

import yaml

from ganinv.paths import project_root
from helpers.served_sets import painting
from helpers.servers import Site, refusing, serving

FILES = {f"{'study' if n < 3 else 'train'}/{n:03d}.jpg": painting(n) for n in range(1, 13)}


class ListedSet:
    """A project whose set portraits has two files to study and ten to train on.

    `pages` maps the server's paths to bodies: the files lie below /one/ and /two/, in turn.
    """

    def __init__(self, folder):
        self.root, self.site = folder, Site()
        self.downloads = folder / "checkpoints" / "downloads"
        self.downloads.mkdir(parents=True)
        (folder / "data").mkdir()
        shutil.copy(project_root() / "checkpoints" / "manifest.yaml", folder / "checkpoints")
        self.folder = folder / "data" / "sets" / "portraits"
        names = [path.rpartition("/")[2] for path in FILES]
        places = ["/one/" if n % 2 else "/two/" for n in range(len(names))]
        self.pages = {
            place + name: body
            for place, name, body in zip(places, names, FILES.values(), strict=True)
        }
        self.site.reply = self._reply
        self.declare()

    def _reply(self, handler, site):
        body = self.pages.get(handler.path)
        return (refusing(404) if body is None else serving(body))(handler, site)

    def declare(self, address=None):
        listed = {
            "checksums": "portraits.sha256",
            "addresses": [f"{address or self.site.address}/{x}/" for x in ("one", "two")],
            "parts": {"study": "to measure on", "train": "to train on"},
            "held_out": ["study"],
        }
        about = dict(about="a set", licence="CC0", page="https://set.example/page")
        entry = about | dict(shown=True, listed=listed)
        source = dict(url="https://set.example/cats.zip", file="cats.zip")
        archives = about | dict(licence="none", shown=False, sources=[source])
        sets = {"portraits": entry, "cats": archives}
        (self.root / "data" / "sets.yaml").write_text(yaml.safe_dump(sets))
        lines = [f"{hashlib.sha256(body).hexdigest()}  {path}" for path, body in FILES.items()]
        self.checksums = self.root / "data" / "portraits.sha256"
        self.checksums.write_text("\n".join(lines) + "\n")

    def put(self, place, paths=FILES, *, flat=False):
        """Lay files into a folder, as the set has them or all side by side."""
        for path in paths:
            target = place / (path.rpartition("/")[2] if flat else path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(FILES[path])
        return place

    def here(self):
        """The set's files that are here, by their paths, with their contents."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in files}


@contextlib.contextmanager
def listed_set(folder, monkeypatch):
    """Make the project below `folder` the root."""
    made = ListedSet(folder / "root")
    monkeypatch.setenv("GANINV_ROOT", str(made.root))
    monkeypatch.delenv("GANINV_HOME", raising=False)
    try:
        yield made
    finally:
        made.site.close()
