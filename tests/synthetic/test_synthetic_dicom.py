"""The files as pydicom reads them."""

import io

import numpy as np
import pydicom
import pytest

from echomine.synthetic.config import ArchiveConfig
from echomine.synthetic.dicom import dicom_bytes
from echomine.synthetic.images import DrawnImage, draw_image
from echomine.synthetic.plan import plan_archive
from echomine.synthetic.screen import colour_table
from echomine.synthetic.settings import Storage

CONFIG = ArchiveConfig(n_reported_pairs=0, n_unreported_images=40, n_valve_paragraphs=0, n_views=0)
PLAN, _ = plan_archive(CONFIG, 9)
IMAGES = [draw_image(CONFIG, 9, plan) for plan in PLAN.images]


def read(image: DrawnImage, *, calibrated: bool = True) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(dicom_bytes(image, calibrated=calibrated)))


@pytest.mark.parametrize("storage", list(Storage))
def test_pixels_come_back_as_they_were(storage: Storage) -> None:
    image = next(image for image in IMAGES if image.settings.storage is storage)
    dataset = read(image)
    assert dataset.PhotometricInterpretation == storage.value
    expected = image.levels
    if storage is Storage.RGB:
        expected = colour_table(image.settings.colour_map)[image.levels]
    assert np.array_equal(dataset.pixel_array, expected)


def test_the_palette_gives_the_colours_of_the_screen() -> None:
    from pydicom.pixels import apply_color_lut

    image = next(image for image in IMAGES if image.settings.storage is Storage.PALETTE)
    dataset = read(image)
    colours = apply_color_lut(dataset.pixel_array, dataset)
    assert np.array_equal(colours >> 8, colour_table(image.settings.colour_map)[image.levels])


def test_attributes_of_an_ultrasound_image() -> None:
    image = IMAGES[0]
    dataset = read(image)
    assert dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.6.1"
    assert dataset.file_meta.TransferSyntaxUID == pydicom.uid.RLELossless
    assert dataset.Modality == "US"
    assert dataset.preamble == bytes(128)
    for name in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        assert pydicom.uid.UID(dataset[name].value).is_valid
    assert dataset.PatientID == image.exam.patient.patient_id
    assert str(dataset.PatientName).startswith("SYNTHETIC^")
    assert dataset.StudyDate == image.exam.performed.strftime("%Y%m%d")


def test_regions_are_written_to_the_pixel() -> None:
    for image in IMAGES[:10]:
        items = read(image).SequenceOfUltrasoundRegions
        assert [item.RegionSpatialFormat for item in items[:2]] == [1, 3]
        item, region = items[1], image.regions[1]
        assert (item.RegionLocationMinX0, item.RegionLocationMaxY1) == (region.min_x0, region.max_y1)
        assert item.PhysicalDeltaY == region.delta_y
        assert item.PhysicalDeltaX == image.settings.s_per_px
        assert item.ReferencePixelY0 == image.settings.baseline_row
        assert item.ReferencePixelPhysicalValueY == 0


def test_an_uncalibrated_file_has_no_regions() -> None:
    assert "SequenceOfUltrasoundRegions" not in read(IMAGES[1], calibrated=False)


def test_the_same_image_has_the_same_bytes() -> None:
    assert dicom_bytes(IMAGES[2]) == dicom_bytes(draw_image(CONFIG, 9, PLAN.images[2]))
