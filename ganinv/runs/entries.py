"""Entries of images by id, each read when it is asked for: any number takes little memory."""

from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping
from typing import Any

Entry = dict[str, Any]


class Entries(Mapping[str, Entry]):
    """The entries of some images: `read` returns that of an id, None where it is no result."""

    def __init__(self, names: Iterable[str], read: Callable[[str], Entry | None]):
        self._names, self._read = dict.fromkeys(names), read

    def __getitem__(self, name: str) -> Entry:
        entry = self._read(name) if name in self._names else None
        if entry is None:
            raise KeyError(name)
        return entry

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def items(self) -> ItemsView[str, Entry]:
        """Return ids and entries; those that another process has begun anew are left out."""
        return _Items(self)


class _Items(ItemsView[str, Entry]):
    def __init__(self, entries: Entries):
        super().__init__(entries)
        self._entries = entries

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        for name in self._entries:
            try:
                entry = self._entries[name]
            except KeyError:
                continue
            yield name, entry
