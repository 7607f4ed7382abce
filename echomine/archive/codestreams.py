"""Sizes that compressed frames state themselves, read without decoding."""

JPEG_START, JPEG2000_START = b"\xff\xd8\xff", b"\xff\x4f\xff\x51"
_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
"""Markers that open a frame header (SOF0 to SOF15, and that of JPEG-LS)."""


def encoded_size(pixel_data: bytes) -> tuple[int, int] | None:
    """Columns and rows of the first JPEG or JPEG 2000 codestream in encapsulated pixel data; None without one."""
    jpeg2000 = pixel_data.find(JPEG2000_START, 0, 4096)
    if jpeg2000 >= 0:
        return _jpeg2000_size(pixel_data[jpeg2000 : jpeg2000 + 24])
    jpeg = pixel_data.find(JPEG_START, 0, 1 << 16)
    return _jpeg_size(pixel_data, jpeg) if jpeg >= 0 else None


def _jpeg2000_size(header: bytes) -> tuple[int, int] | None:
    if len(header) < 16:
        return None
    return int.from_bytes(header[8:12], "big"), int.from_bytes(header[12:16], "big")


def _jpeg_size(data: bytes, start: int) -> tuple[int, int] | None:
    """Follows the marker segments to the frame header (SOF)."""
    at = start + 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _FRAME_HEADERS:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
