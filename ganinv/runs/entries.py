"""Entries of images by id, each read when it is asked for: any number takes little memory."""

from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping
from typing import Any

Entry = dict[str, Any]
HELD = 1000  # entries that a call keeps, of some kilobytes each; more are read when asked for


class Entries(Mapping[str, Entry]):
    """The entries of some images: `read` returns that of an id, None where it is no result.

    `stream`, where it is given, yields ids and entries of them all, for less than reading each.
    """

    def __init__(
        self,
        names: Iterable[str],
        read: Callable[[str], Entry | None],
        stream: Callable[[], Iterable[tuple[str, Entry]]] | None = None,
    ):
        self._names, self._read, self._stream = dict.fromkeys(names), read, stream

    def __getitem__(self, name: str) -> Entry:
        entry = self._read(name) if name in self._names else None
        if entry is None:
            raise KeyError(name)
        return entry

    def __contains__(self, name: object) -> bool:
        return name in self._names  # without reading it

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def items(self) -> ItemsView[str, Entry]:
        """Return ids and entries; those that another process has begun anew are left out."""
        return _Items(self)


class Noted(Entries):
    """Entries that are noted one after another: the first are held, later ones read again."""

    def __init__(self, read: Callable[[str], Entry | None]):
        super().__init__((), read)
        self._held: dict[str, Entry] = {}

    def __getitem__(self, name: str) -> Entry:
        return self._held[name] if name in self._held else super().__getitem__(name)

    def plain(self) -> Mapping[str, Entry]:
        """Return the entries as a dict, where all are held; else these."""
        return dict(self._held) if len(self) == len(self._held) else self

    def note(self, name: str, entry: Entry) -> None:
        """Take in an image's entry."""
        self._names[name] = None
        if name in self._held or len(self._held) < HELD:
            self._held[name] = entry


class _Items(ItemsView[str, Entry]):
    def __init__(self, entries: Entries):
        super().__init__(entries)
        self._entries = entries

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        if self._entries._stream is not None:
            yield from self._entries._stream()
            return
        for name in self._entries:
            try:
                entry = self._entries[name]
            except KeyError:
                continue
            yield name, entry


class Streamed(Mapping[str, Any]):
    """What `items` yields, to be gone through once, as `write_json` does; nothing is kept."""

    def __init__(self, items: Callable[[], Iterable[tuple[str, Any]]]):
        self._given = items

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._given())

    def __getitem__(self, name: str) -> Any:
        return dict(self._given())[name]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def items(self) -> Any:
        """Return an iterator over names and values."""
        return iter(self._given())
