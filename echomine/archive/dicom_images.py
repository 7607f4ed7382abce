"""Ultrasound DICOM files: header, regions, first frame."""

import io
import logging
import math
import struct
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import numpy as np
import pydicom
from numpy.typing import DTypeLike
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag

from echomine.archive.codestreams import encoded_size
from echomine.archive.source_images import Identity, ReadLimits, SourceImage
from echomine.domain.errors import ItemError, Reason
from echomine.domain.records import UltrasoundRegion
from echomine.doppler.display import Pixels, brightness
from echomine.doppler.region import Box, box_inside, calibration_of, choose_spectral_region

WITHOUT_REGIONS = "it states no ultrasound regions, so nothing says where its display lies"
RLE_LOSSLESS = "1.2.840.10008.1.2.5"
"""Its frames state no size; bytes that look like a JPEG marker occur in them by chance."""
DEFLATED = frozenset({"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.4.95"})
"""Deflated data set, deflated frames, and JPIP deflate: inflating has no limit in the reader."""
ULTRASOUND_CLASSES = frozenset(f"1.2.840.10008.5.1.4.1.1.{tail}" for tail in ("3", "3.1", "6", "6.1", "6.2", "6.3"))
ENVELOPED_DATA = bytes.fromhex("06092a864886f70d010703")
"""Object identifier of encrypted CMS content, as DICOM's secure media profile wraps files in."""
PLAIN_PIXELS = frozenset((kind, 8, 0) for kind in ("MONOCHROME2", "RGB", "PALETTE COLOR"))
"""Photometric interpretation, bits and signedness of pixels that can be used as they are stored."""
SPATIAL_FORMATS_SHOWN = frozenset({1, 2, 3, 4})

UNDEFINED_LENGTH = 0xFFFFFFFF
_PARTS = {
    "spatial_format": (0x00186012, "H"),
    "data_type": (0x00186014, "H"),
    "flags": (0x00186016, "L"),
    "min_x0": (0x00186018, "L"),
    "min_y0": (0x0018601A, "L"),
    "max_x1": (0x0018601C, "L"),
    "max_y1": (0x0018601E, "L"),
    "reference_x0": (0x00186020, "l"),
    "reference_y0": (0x00186022, "l"),
    "units_x": (0x00186024, "H"),
    "units_y": (0x00186026, "H"),
    "reference_value_x": (0x00186028, "d"),
    "reference_value_y": (0x0018602A, "d"),
    "delta_x": (0x0018602C, "d"),
    "delta_y": (0x0018602E, "d"),
}
"""Tag and struct code of each part of a region item."""
_NEEDED = ("spatial_format", "data_type", "min_x0", "min_y0", "max_x1", "max_y1")
_DEFAULTS: dict[str, Any] = {"flags": 0, "units_x": 0, "units_y": 0, "delta_x": 0.0, "delta_y": 0.0}

pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its warnings quote values, names among them


def read_dicom(data: bytes, limits: ReadLimits) -> SourceImage:
    """The first frame of an ultrasound DICOM file that holds a spectral display.

    A file without any region is given as a whole, ``region`` None: its display is still to be found.

    Raises:
        ItemError: With the reason why it cannot be mined.
    """
    dataset = parsed_dicom(data)
    check_whole(dataset)
    _check_kind(dataset)
    frames = check_sizes(dataset, limits)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    regions = list(_regions(dataset))
    chosen = choose_spectral_region(regions, rows=rows, columns=columns) if regions else None
    calibration = calibration_of(chosen.region, chosen.box) if chosen else None
    box = chosen.box if chosen else (0, 0, columns, rows)
    notes = [
        note
        for holds, note in (
            (frames > 1, f"the first of {frames} frames"),
            (chosen is None, WITHOUT_REGIONS),
            (chosen is not None and chosen.clipped, "the region reached beyond the image and was clipped"),
            (chosen is not None and calibration is None, "the region states no usable velocity scale"),
        )
        if holds
    ]
    frame = decoded_frame(dataset, limits)
    return SourceImage(
        rows=rows,
        columns=columns,
        cut=lambda box: _eight_bit(frame[box[1] : box[3], box[0] : box[2]], dataset),
        boxes=_shown_boxes(regions, rows=rows, columns=columns) or (box,),
        spectral_box=box,
        identity=identity_of(dataset),
        region=chosen.region if chosen else None,
        calibration=calibration,
        notes=tuple(notes),
    )


def brightness_of_known(data: bytes, box: Box) -> Pixels:
    """(h, w) strongest channel in a box of the first frame of a file that :func:`read_dicom` has passed before."""
    dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    x0, y0, x1, y1 = box
    planes = _planes_as_stored(dataset)
    if planes is None:
        return brightness(_eight_bit(_decoded(dataset)[y0:y1, x0:x1], dataset))
    shown = planes[:, y0:y1, x0:x1]
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        return np.asarray(_palette(dataset, np.uint8).max(axis=1)[shown[0]])
    return np.ascontiguousarray(shown.max(axis=0))


def _planes_as_stored(dataset: Dataset) -> Pixels | None:
    """(samples, H, W) view of the first frame without any conversion; None where colours or bits need some."""
    from pydicom.pixels.decoders.base import get_decoder

    plain = (dataset.PhotometricInterpretation, dataset.BitsStored, dataset.PixelRepresentation) in PLAIN_PIXELS
    if not plain or dataset.BitsAllocated != dataset.BitsStored:
        return None
    decoder = get_decoder(dataset.file_meta.TransferSyntaxUID)
    frame, decoded = decoder.as_buffer(dataset, index=0, raw=True)
    if decoded["photometric_interpretation"] != dataset.PhotometricInterpretation:
        return None
    rows, columns, samples = dataset.Rows, dataset.Columns, dataset.SamplesPerPixel
    values = np.frombuffer(frame, dtype=np.uint8, count=rows * columns * samples)
    if samples == 1 or decoded["planar_configuration"]:
        return values.reshape(samples, rows, columns)
    return values.reshape(rows, columns, samples).transpose(2, 0, 1)


def parsed_dicom(data: bytes) -> Dataset:
    """The data set of a DICOM file of any modality, nothing inflated, every reader's error turned into one of ours.

    Raises:
        ItemError: If it is encrypted, deflated, cut off or no DICOM file.
    """
    if ENVELOPED_DATA in data[:128]:
        raise ItemError(Reason.ENCRYPTED, "it is an encrypted envelope; decrypt it before ingest")
    has_preamble = data[128:132] == b"DICM"
    if not has_preamble and data[:2] not in (b"\x08\x00", b"\x02\x00"):
        raise ItemError(Reason.NOT_AN_IMAGE, "it is neither DICOM nor PNG nor JPEG")
    if has_preamble and _transfer_syntax(data) in DEFLATED:
        raise ItemError(Reason.DEFLATED, "its content is deflated, which has no safe size; store it uncompressed")
    try:
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)
        dataset.get("Modality")
    except EOFError as error:
        raise ItemError(Reason.TRUNCATED, "the file ends before its header does; copy it again") from error
    except Exception as error:  # a dozen types, struct.error and NotImplementedError among them
        raise ItemError(
            Reason.BROKEN_DICOM, f"its header cannot be read ({type(error).__name__}); export it again"
        ) from error
    return dataset


def _transfer_syntax(data: bytes) -> str:
    """Transfer syntax of the file, read from the group 2 header alone, so that nothing is inflated."""
    stream = io.BytesIO(data)
    stream.seek(132)
    try:
        meta = read_dataset(stream, is_implicit_VR=False, is_little_endian=True, stop_when=_after_group_2)
        return str(meta.get("TransferSyntaxUID", "")).strip(" \0")
    except Exception as error:
        raise ItemError(
            Reason.BROKEN_DICOM, f"its file header cannot be read ({type(error).__name__}); export it again"
        ) from error


def _after_group_2(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group != 2


def check_whole(dataset: Dataset) -> None:
    """A file that was cut off has no elements, or a last one that is shorter than it says."""
    last: Any = dataset.get_item(max(dataset.keys()), keep_deferred=True) if len(dataset) else None
    if last is None:
        if len(getattr(dataset, "file_meta", ())):
            raise ItemError(Reason.TRUNCATED, "the file is cut off; copy it again")
        raise ItemError(Reason.BROKEN_DICOM, "it holds no data elements; export it again")
    if isinstance(last, RawDataElement) and last.length != UNDEFINED_LENGTH and len(last.value or b"") < last.length:
        raise ItemError(Reason.TRUNCATED, "the file is cut off; copy it again")


def _check_kind(dataset: Dataset) -> None:
    if "EncryptedAttributesSequence" in dataset:
        raise ItemError(Reason.ENCRYPTED, "parts of it are encrypted; decrypt it before ingest")
    modality = str(dataset.get("Modality", "") or "").strip()
    if modality != "US" and str(dataset.get("SOPClassUID", "")) not in ULTRASOUND_CLASSES:
        raise ItemError(Reason.WRONG_MODALITY, "it is no ultrasound image; only spectral Doppler is mined")
    if not {"PixelData", "Rows", "Columns"} <= set(dataset.dir()):
        raise ItemError(Reason.NO_PIXELS, "it has no pixels; nothing to mine")


def check_sizes(dataset: Dataset, limits: ReadLimits) -> int:
    """The number of frames, once the stated sizes are within the limits and the pixels are there."""
    rows, columns = _whole(dataset.Rows), _whole(dataset.Columns)
    samples, frames = _whole(dataset.get("SamplesPerPixel", 1)), _whole(dataset.get("NumberOfFrames", 1) or 1)
    if min(rows, columns, samples, frames) < 1:
        raise ItemError(Reason.NO_PIXELS, f"it states {rows} x {columns} pixels in {frames} frames")
    frame = rows * columns * samples
    if frame > limits.frame_samples or frame * frames > limits.all_samples:
        raise ItemError(
            Reason.TOO_LARGE,
            f"it states {columns} x {rows} pixels, {samples} samples and {frames} frames, above the limit",
        )
    if not dataset["PixelData"].value:
        raise ItemError(Reason.NO_PIXELS, "its pixel data is empty")
    return frames


def _whole(value: Any) -> int:  # noqa: ANN401 - whatever a file holds there
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ItemError(Reason.BROKEN_DICOM, "a size in its header is no whole number") from error


def identity_of(dataset: Dataset) -> Identity:
    """Who and when, as the header states it."""
    return Identity(
        patient_id=str(dataset.get("PatientID", "") or "").strip(),
        study_uid=str(dataset.get("StudyInstanceUID", "") or ""),
        sop_uid=str(dataset.get("SOPInstanceUID", "") or ""),
        performed=_date(str(dataset.get("StudyDate", "") or "")),
    )


def _date(text: str) -> date | None:
    try:
        return datetime.strptime(text.strip(), "%Y%m%d").date()  # noqa: DTZ007 - a date without a clock
    except ValueError:
        return None


def _regions(dataset: Dataset) -> Iterator[UltrasoundRegion]:
    """The items that are complete; one with a missing or damaged part cannot be placed and is left out."""
    for item in dataset.get("SequenceOfUltrasoundRegions", None) or ():
        values = {name: _number(item, tag, code) for name, (tag, code) in _PARTS.items()}
        if all(values[name] is not None for name in _NEEDED):
            yield UltrasoundRegion(**_DEFAULTS | {n: v for n, v in values.items() if v is not None})


def _number(item: Dataset, tag: int, code: str) -> Any:  # noqa: ANN401 - int or float, by code
    """A finite number of a region item, else None; from its bytes, which is much faster than by name."""
    element: Any = item.get_item(tag, keep_deferred=True) if tag in item else None
    if element is None:
        return None
    try:
        if isinstance(element, RawDataElement):
            order = "<" if element.is_little_endian else ">"
            value = struct.unpack(order + code, element.value or b"")[0]
        else:
            value = float(element.value) if code == "d" else int(element.value)
    except (struct.error, TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def _shown_boxes(regions: list[UltrasoundRegion], *, rows: int, columns: int) -> tuple[Box, ...]:
    """Where the image may be shown: ultrasound, M-mode, spectral and waveform regions, no text, no unknown ones."""
    boxes = (
        box_inside(region, rows=rows, columns=columns)
        for region in regions
        if region.spatial_format in SPATIAL_FORMATS_SHOWN
    )
    return tuple(box for box in boxes if box is not None)


def decoded_frame(dataset: Dataset, limits: ReadLimits) -> np.ndarray[Any, Any]:
    """Stored values of the first frame; a decoder's error becomes an item's."""
    _check_codestream(dataset, limits)
    try:
        return _decoded(dataset)
    except Exception as error:  # decoders raise what they like
        reason = Reason.TRUNCATED if _is_cut(dataset) else Reason.UNDECODABLE
        raise ItemError(
            reason, f"its pixels cannot be decoded ({type(error).__name__}); export it uncompressed"
        ) from error


def _check_codestream(dataset: Dataset, limits: ReadLimits) -> None:
    """A compressed frame states its own size, which may be larger than the header's."""
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if not syntax or not syntax.is_compressed or syntax == RLE_LOSSLESS:
        return
    size = encoded_size(dataset.PixelData)
    if size is not None and size[0] * size[1] > limits.frame_samples:
        raise ItemError(Reason.TOO_LARGE, f"a compressed frame of {size[0]} x {size[1]} pixels, above the limit")


def _decoded(dataset: Dataset) -> np.ndarray[Any, Any]:
    from pydicom.pixels.utils import pixel_array

    return pixel_array(dataset, index=0)


def _is_cut(dataset: Dataset) -> bool:
    """Whether an uncompressed file holds fewer bytes than its sizes say."""
    meta = getattr(dataset, "file_meta", None)
    syntax = meta.get("TransferSyntaxUID") if meta is not None else None
    if syntax is not None and syntax.is_compressed:
        return False
    bits = _whole(dataset.get("BitsAllocated", 8) or 8)
    wanted = _whole(dataset.Rows) * _whole(dataset.Columns) * _whole(dataset.get("SamplesPerPixel", 1)) * bits // 8
    return len(dataset.PixelData) < wanted


def _eight_bit(frame: np.ndarray[Any, Any], dataset: Dataset) -> Pixels:
    """(h, w) or (h, w, 3) in 0..255, whatever the photometric interpretation was."""
    photometric = str(dataset.get("PhotometricInterpretation", "MONOCHROME2")).strip()
    if photometric == "PALETTE COLOR":
        return _coloured(frame, dataset)
    pixels: Pixels = frame
    if frame.dtype != np.uint8:
        pixels = _to_eight_bits(frame, int(dataset.get("BitsStored", 8 * frame.dtype.itemsize)))
    shown: Pixels = np.ascontiguousarray(255 - pixels if photometric == "MONOCHROME1" else pixels)
    return shown


def _coloured(frame: np.ndarray[Any, Any], dataset: Dataset) -> Pixels:
    """(H, W, 3) of a palette image: the palette is worked out once per value, not once per pixel."""
    colours: Pixels = np.take(_palette(dataset, frame.dtype), frame, axis=0)
    return colours


def _palette(dataset: Dataset, kind: DTypeLike) -> Pixels:
    """(values, 3) the colour of every value of an unsigned type."""
    from pydicom.pixels.processing import apply_color_lut

    colours = apply_color_lut(np.arange(np.iinfo(np.dtype(kind)).max + 1, dtype=kind), dataset)[..., :3]
    if colours.dtype == np.uint16:
        colours = colours >> 8
    return colours.astype(np.uint8)


def _to_eight_bits(frame: np.ndarray[Any, Any], bits_stored: int) -> Pixels:
    shifted = frame.astype(np.int64) + (2 ** (bits_stored - 1) if frame.dtype.kind == "i" else 0)
    scaled = shifted >> (bits_stored - 8) if bits_stored > 8 else shifted << (8 - bits_stored)
    pixels: Pixels = np.clip(scaled, 0, 255).astype(np.uint8)
    return pixels
