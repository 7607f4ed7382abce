"""Fixtures that all tests share."""

import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian

US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"
TISSUE_REGION = {
    "RegionSpatialFormat": 1,
    "RegionDataType": 1,
    "RegionFlags": 0,
    "RegionLocationMinX0": 100,
    "RegionLocationMinY0": 10,
    "RegionLocationMaxX1": 199,
    "RegionLocationMaxY1": 49,
    "PhysicalUnitsXDirection": 3,
    "PhysicalUnitsYDirection": 3,
    "PhysicalDeltaX": 0.03,
    "PhysicalDeltaY": 0.03,
}
SPECTRAL_REGION = {
    "RegionSpatialFormat": 3,
    "RegionDataType": 4,
    "RegionFlags": 0,
    "RegionLocationMinX0": 20,
    "RegionLocationMinY0": 60,
    "RegionLocationMaxX1": 279,
    "RegionLocationMaxY1": 179,
    "PhysicalUnitsXDirection": 4,
    "PhysicalUnitsYDirection": 7,
    "PhysicalDeltaX": 0.01,
    "PhysicalDeltaY": -5.0,
    "ReferencePixelX0": 0,
    "ReferencePixelY0": 40,
    "ReferencePixelPhysicalValueX": 0.0,
    "ReferencePixelPhysicalValueY": 0.0,
}


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real development data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("ECHOMINE_REAL_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("real development data is not here; set ECHOMINE_REAL_DATA")
    return folder


@pytest.fixture(scope="session")
def make_dicom() -> Callable[..., bytes]:
    """Builds an ultrasound DICOM file: ``make_dicom(pixels, regions=[{...}], PatientID="X", ...)``."""
    return _dicom


def _dicom(
    pixels: np.ndarray | None = None,
    *,
    regions: Sequence[Mapping[str, Any]] | None = (TISSUE_REGION, SPECTRAL_REGION),
    syntax: str = ExplicitVRLittleEndian,
    frames: int = 1,
    **attributes: Any,
) -> bytes:
    if pixels is None:
        pixels = np.random.default_rng(3).integers(1, 255, (200, 300), dtype=np.uint8)
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = US_IMAGE, "1.2.3.4"
    dataset.StudyInstanceUID, dataset.Modality = "1.2.3", "US"
    dataset.PatientID, dataset.PatientName, dataset.StudyDate = "MRN-77", "DOE^JANE", "20200131"
    colour = pixels.ndim == 3 + (frames > 1)
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    size = pixels.shape[1:3] if frames > 1 else pixels.shape[:2]
    dataset.Rows, dataset.Columns = (int(side) for side in size)
    if frames > 1:
        dataset.NumberOfFrames = frames
    bits = pixels.dtype.itemsize * 8
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, 0
    if regions is not None:
        dataset.SequenceOfUltrasoundRegions = DicomSequence([_item(region) for region in regions])
    dataset.PixelData = pixels.tobytes()
    for name, value in attributes.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", US_IMAGE)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3.4")
    dataset.file_meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _item(values: Mapping[str, Any]) -> Dataset:
    item = Dataset()
    for name, value in values.items():
        if value is not None:
            setattr(item, name, value)
    return item


@pytest.fixture(scope="session")
def spectral_region() -> dict[str, Any]:
    """Attributes of the spectral region of :func:`make_dicom`: 120 x 260 pixels, 5 cm/s and 10 ms each."""
    return dict(SPECTRAL_REGION)


@pytest.fixture(scope="session")
def tissue_region() -> dict[str, Any]:
    """Attributes of the 2D region of :func:`make_dicom`."""
    return dict(TISSUE_REGION)
