"""A drawn image as the bytes of a DICOM file."""

import io

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID, ExplicitVRLittleEndian, RLELossless

from echomine.domain.records import UltrasoundRegion
from echomine.synthetic.images import DrawnImage
from echomine.synthetic.screen import colour_table
from echomine.synthetic.settings import Storage
from echomine.synthetic.spectrum import Pixels

ULTRASOUND_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.6.1"
IMPLEMENTATION_UID = "2.25.205337462177013914613317297414716120317"


def dicom_bytes(image: DrawnImage, *, calibrated: bool = True) -> bytes:
    """The file: US image storage, RLE lossless; without SequenceOfUltrasoundRegions when not calibrated."""
    dataset = _identity(image)
    if calibrated:
        dataset.SequenceOfUltrasoundRegions = DicomSequence([_region_item(entry) for entry in image.regions])
    _set_pixels(dataset, image)
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _file_meta(sop_uid: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(ULTRASOUND_IMAGE_STORAGE)
    meta.MediaStorageSOPInstanceUID = UID(sop_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = "ECHOMINE"
    return meta


def _identity(image: DrawnImage) -> Dataset:
    plan, exam = image.plan, image.exam
    day = exam.performed.strftime("%Y%m%d")
    clock = f"{8 + plan.exam.exam_index % 9:02d}{plan.exam.exam_index * 7 % 60:02d}{plan.number * 20:02d}"
    dataset = Dataset()
    dataset.file_meta = _file_meta(plan.sop_uid)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.SOPClassUID = ULTRASOUND_IMAGE_STORAGE
    dataset.SOPInstanceUID = plan.sop_uid
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = day
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = clock
    dataset.AccessionNumber = f"A{plan.exam.exam_index:06d}"
    dataset.Modality = "US"
    dataset.Manufacturer = "echomine synthetic"
    dataset.PatientName = f"SYNTHETIC^{exam.patient.patient_id}"
    dataset.PatientID = exam.patient.patient_id
    dataset.PatientBirthDate = exam.patient.born.strftime("%Y%m%d")
    dataset.PatientSex = exam.patient.sex
    dataset.StudyInstanceUID = plan.exam.study_uid
    dataset.SeriesInstanceUID = plan.exam.series_uid
    dataset.StudyID = str(plan.exam.exam_index)
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = plan.number + 1
    return dataset


def _region_item(region: UltrasoundRegion) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat = region.spatial_format
    item.RegionDataType = region.data_type
    item.RegionFlags = region.flags
    item.RegionLocationMinX0, item.RegionLocationMinY0 = region.min_x0, region.min_y0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = region.max_x1, region.max_y1
    item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection = region.units_x, region.units_y
    item.PhysicalDeltaX, item.PhysicalDeltaY = region.delta_x, region.delta_y
    if region.reference_x0 is not None:
        item.ReferencePixelX0, item.ReferencePixelY0 = region.reference_x0, region.reference_y0
        item.ReferencePixelPhysicalValueX = region.reference_value_x
        item.ReferencePixelPhysicalValueY = region.reference_value_y
    return item


def _set_pixels(dataset: Dataset, image: DrawnImage) -> None:
    storage = image.settings.storage
    pixels: Pixels = image.levels
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PhotometricInterpretation = str(storage)
    dataset.SamplesPerPixel = 1
    if storage is Storage.PALETTE:
        _set_palette(dataset, colour_table(image.settings.colour_map))
    if storage is Storage.RGB:
        dataset.SamplesPerPixel = 3
        dataset.PlanarConfiguration = 0
        pixels = colour_table(image.settings.colour_map)[pixels]
    dataset.compress(
        RLELossless, np.ascontiguousarray(pixels), encoding_plugin="pylibjpeg", generate_instance_uid=False
    )


def _set_palette(dataset: Dataset, table: Pixels) -> None:
    for colour, channel in zip(("Red", "Green", "Blue"), table.T, strict=True):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        data = (channel.astype("<u2") * 257).tobytes()
        setattr(dataset, f"{colour}PaletteColorLookupTableData", data)
