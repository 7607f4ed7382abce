"""The short way to a display that is in the catalog, against the full one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echomine.archive.spectral_files import ImageFile, read_known_display, read_spectral_file
from echomine.domain.errors import ItemError, Reason
from echomine.domain.records import ImageRecord

SAMPLES = Path(__file__).parents[2] / "data_samples"
GOOD = [*sorted(SAMPLES.glob("images/*/*.dcm")), SAMPLES / "special" / "screenshot_1.png"]


def file_of(path: Path) -> ImageFile:
    read = read_spectral_file(path)
    record = ImageRecord(
        image_id=read.image_id,
        content_sha256=read.content_sha256,
        mode=read.display.mode,
        box=read.box,
        calibration=read.display.calibration,
    )
    return ImageFile(record=record, path=path)


def check_same_in_grey(path: Path) -> None:
    known, full = read_known_display(file_of(path)), read_spectral_file(path).display
    strongest = full.pixels if full.pixels.ndim == 2 else full.pixels.max(axis=2)
    np.testing.assert_array_equal(known.pixels, strongest)
    assert (known.calibration, known.mode) == (full.calibration, full.mode)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_it_is_the_display_that_ingest_saw(path: Path) -> None:
    check_same_in_grey(path)


COLOUR = np.random.default_rng(5).integers(0, 256, (200, 300, 3), dtype=np.uint8)
KINDS = {
    "rgb by pixel": {"pixels": COLOUR},
    "rgb by plane": {"pixels": COLOUR, "PlanarConfiguration": 1},
    "ybr": {"pixels": COLOUR, "PhotometricInterpretation": "YBR_FULL"},
    "inverted grey": {"PhotometricInterpretation": "MONOCHROME1"},
    "six bits of eight": {"pixels": COLOUR[..., 0] >> 2, "BitsStored": 6, "HighBit": 5},
    "sixteen bits": {"pixels": COLOUR[..., 0].astype(np.uint16) << 4, "BitsStored": 12, "HighBit": 11},
    "signed": {"pixels": COLOUR[..., 0], "PixelRepresentation": 1},
    "several frames": {"pixels": COLOUR[None].repeat(3, axis=0), "frames": 3},
    "odd number of bytes": {"pixels": COLOUR[:199, :299, 0]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_pixel(kind: str, make_dicom, tmp_path: Path) -> None:
    path = tmp_path / "image.dcm"
    path.write_bytes(make_dicom(**KINDS[kind]))
    check_same_in_grey(path)


def test_other_bytes_are_a_changed_source(tmp_path: Path) -> None:
    changed = replace(file_of(GOOD[0]), path=GOOD[1])
    with pytest.raises(ItemError) as refused:
        read_known_display(changed)
    assert refused.value.reason is Reason.SOURCE_CHANGED


def test_a_file_that_is_gone_is_a_missing_source(tmp_path: Path) -> None:
    with pytest.raises(ItemError) as refused:
        read_known_display(replace(file_of(GOOD[0]), path=tmp_path / "gone.dcm"))
    assert refused.value.reason is Reason.SOURCE_MISSING
