"""The short way to a display that is in the catalog, against the full one."""

from pathlib import Path

import numpy as np
import pytest

from echomine.archive.spectral_files import known_display, read_known_bytes, read_spectral_file
from echomine.domain.errors import ItemError, Reason
from echomine.domain.records import ImageRecord

SAMPLES = Path(__file__).parents[2] / "data_samples"
GOOD = [*sorted(SAMPLES.glob("images/*/*.dcm")), SAMPLES / "special" / "screenshot_1.png"]


def record_of(path: Path) -> ImageRecord:
    read = read_spectral_file(path)
    return ImageRecord(
        image_id=read.image_id,
        content_sha256=read.content_sha256,
        mode=read.display.mode,
        box=read.box,
        calibration=read.display.calibration,
    )


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_it_is_the_display_that_ingest_saw(path: Path) -> None:
    record, full = record_of(path), read_spectral_file(path).display
    known = known_display(read_known_bytes(path, record), record)
    np.testing.assert_array_equal(known.pixels, full.pixels)
    assert (known.calibration, known.mode) == (full.calibration, full.mode)


def test_other_bytes_are_a_changed_source(tmp_path: Path) -> None:
    record = record_of(GOOD[0])
    (tmp_path / "image.dcm").write_bytes(GOOD[1].read_bytes())
    with pytest.raises(ItemError) as refused:
        read_known_bytes(tmp_path / "image.dcm", record)
    assert refused.value.reason is Reason.SOURCE_CHANGED


def test_a_file_that_is_gone_is_a_missing_source(tmp_path: Path) -> None:
    with pytest.raises(ItemError) as refused:
        read_known_bytes(tmp_path / "gone.dcm", record_of(GOOD[0]))
    assert refused.value.reason is Reason.SOURCE_MISSING
