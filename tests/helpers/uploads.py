"""Files as a browser hands them to a widget."""

from datetime import UTC, datetime


def uploaded(path, name=None):
    """The value of a `FileUpload` once a file was chosen, under its own name or another."""
    data = path.read_bytes()
    return (
        {
            "name": path.name if name is None else name,
            "type": "image/png",
            "size": len(data),
            "content": memoryview(data),
            "last_modified": datetime.now(UTC),
        },
    )
