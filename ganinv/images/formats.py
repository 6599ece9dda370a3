"""What a file is, by its first bytes: an image, a video, or neither. Names do not count here."""

VIDEO_SUFFIXES = {
    *(".mov", ".mp4", ".m4v", ".avi", ".mkv", ".webm", ".3gp", ".3g2", ".mts", ".m2ts", ".mpg"),
    *(".mpeg", ".wmv", ".flv", ".ogv", ".insv", ".lrv"),
}
RAW_SUFFIXES = {
    *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".raf", ".orf"),
    *(".rw2", ".pef", ".srw", ".x3f", ".3fr", ".iiq"),
}
HEAD = 64  # bytes that suffice
_AVIF = {b"avif", b"avis"}
_HEIF = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_IMAGES = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF87a",
    b"GIF89a",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
    b"\0\0\0\x0cjP  \r\n\x87\n",
    b"\xff\x4f\xff\x51",
    b"8BPS\0\x01",
    b"qoif",
)
_VIDEOS = (b"\x1aE\xdf\xa3", b"\0\0\x01\xba", b"\0\0\x01\xb3", b"FLV\x01", b"OggS")
_WMV = bytes.fromhex("3026b2758e66cf11")


def kind_of(head: bytes) -> str:
    """Tell what a file is by its first bytes (64 suffice).

    One of "image", "heif" (HEIC as telephones write it), "avif", "video", and "" for anything else.
    """
    if head[4:8] == b"ftyp":
        return _iso_kind(head)
    if head[:4] == b"RIFF":
        return {b"WEBP": "image", b"AVI ": "video"}.get(head[8:12], "")
    if head.startswith(_IMAGES) or _is_bmp(head) or _is_pnm(head):
        return "image"
    if head.startswith((*_VIDEOS, _WMV)) or head[4:8] in (b"moov", b"mdat", b"wide"):
        return "video"
    return ""


def _iso_kind(head):
    """ISO base media files name a brand, and others that they are compatible with."""
    end = min(int.from_bytes(head[:4], "big"), HEAD, len(head))
    brands = {head[8:12]} | {head[at : at + 4] for at in range(16, end - 3, 4)}
    if brands & _AVIF:
        return "avif"
    if brands & _HEIF:
        return "heif"
    return "" if head[8:12] in (b"M4A ", b"M4B ", b"crx ") else "video"


def _is_bmp(head):
    return head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" and len(head) >= 26


def _is_pnm(head):
    return head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in (b"\n", b" ", b"\r", b"\t")
