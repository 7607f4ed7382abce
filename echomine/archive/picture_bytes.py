"""Pixels and label maps of PNG and JPEG files, within limits."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from echomine.archive.source_images import ReadLimits
from echomine.domain.errors import ItemError, Reason

_LIMITS = ReadLimits()


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """A picture as (C, H, W) bytes, grey or colour; colour whose channels are all alike comes as grey.

    Raises:
        ItemError: ``empty_file``, ``too_large``, ``not_an_image`` or ``truncated``.
    """
    pixels = eight_bits(_opened(path))
    if pixels.ndim == 2:
        return pixels[None]
    colour = pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(colour[:1] if _is_grey(colour) else colour)


def eight_bits(picture: Image.Image) -> NDArray[np.uint8]:
    """Grey levels (H, W) or colours (H, W, 3) as bytes; of wider grey levels the eight highest bits that are used.

    Ten and twelve bits stored in sixteen are common: taken as sixteen they would be nearly black.
    """
    if picture.mode.startswith("I"):
        wide = np.clip(np.asarray(picture).astype(np.int64), 0, 65535)
        return (wide >> max(int(wide.max(initial=0)).bit_length() - 8, 0)).astype(np.uint8)
    return np.asarray(picture.convert("L" if picture.mode in ("1", "L", "LA") else "RGB"), dtype=np.uint8)


def read_label_values(path: Path) -> NDArray[np.int64]:
    """The values (H, W) of a label picture: grey levels, or the numbers of a palette.

    Raises:
        ItemError: As :func:`read_pixels`, and ``bad_target`` for a colour picture.
    """
    picture = _opened(path)
    if picture.mode in ("1", "L", "P") or picture.mode.startswith("I"):
        values: NDArray[np.int64] = np.asarray(picture).astype(np.int64) * (255 if picture.mode == "1" else 1)
        return values
    colour = np.asarray(picture.convert("RGB"), dtype=np.uint8).transpose(2, 0, 1)
    if not _is_grey(colour):
        raise ItemError(
            Reason.BAD_TARGET, f"the mask {path.name} is in colour: write one grey level for each structure"
        )
    levels: NDArray[np.int64] = colour[0].astype(np.int64)
    return levels


def _is_grey(colour: NDArray[np.uint8]) -> bool:
    return bool((colour[0] == colour[1]).all() and (colour[0] == colour[2]).all())


def _opened(path: Path) -> Image.Image:
    data = _bytes(path)
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
            samples = picture.width * picture.height * max(len(picture.getbands()), 1)
            if samples > _LIMITS.frame_samples:
                raise ItemError(
                    Reason.TOO_LARGE, f"{path.name} has {samples:,} samples, the limit is {_LIMITS.frame_samples:,}"
                )
            picture.load()
            return picture.copy()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ItemError(Reason.TOO_LARGE, f"{path.name} has more pixels than any screen") from error
    except UnidentifiedImageError as error:
        raise ItemError(Reason.NOT_AN_IMAGE, f"{path.name} is no PNG or JPEG") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise ItemError(Reason.TRUNCATED, f"{path.name} is cut off or damaged; copy it again") from error


def _bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > _LIMITS.file_bytes:
            raise ItemError(Reason.TOO_LARGE, f"{path.name} has {size:,} bytes, the limit is {_LIMITS.file_bytes:,}")
        data = path.read_bytes()
    except OSError as error:
        raise ItemError(Reason.UNREADABLE, f"{path.name} cannot be read: {error.strerror}") from error
    if not data:
        raise ItemError(Reason.EMPTY_FILE, f"{path.name} is empty")
    return data
