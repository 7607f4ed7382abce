"""Spectral displays read from DICOM files and pictures: the hardened edge to files of unknown origin.

Whatever is wrong with a file, the caller gets an :class:`ItemError` with a reason; what it gets from a good file is
cropped to the ultrasound regions, so that burned-in names outside of them never leave this module.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from echomine.archive import dicom_images, picture_images
from echomine.archive.dicom_images import WITHOUT_REGIONS
from echomine.archive.quiet_reading import QUIET
from echomine.archive.safe_names import content_id, safe_uid
from echomine.archive.source_images import Identity, ReadLimits, SourceImage
from echomine.archive.text_masking import without_text
from echomine.archive.text_recognition import default_text_reader
from echomine.domain.errors import ItemError, Reason
from echomine.domain.records import ImageRecord
from echomine.doppler.axis import AxisProblem, AxisProblemCode, AxisReading, TextReader, disagreement
from echomine.doppler.axis_reading import read_axis
from echomine.doppler.display import Pixels, SpectralDisplay, brightness
from echomine.doppler.region import Box, blank_outside, has_frequency_scale, mode_of

DEFAULT_LIMITS = ReadLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """An image of the catalog and where its file lies.

    Attributes:
        record: What the catalog knows of it.
        path: Its file.
        notes: What had to be assumed when it was read.
    """

    record: ImageRecord
    path: Path
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralFile:
    """One spectral display with what its file says about it.

    Attributes:
        image_id: SOP instance UID when well formed, else made from the content.
        content_sha256: Hex digest of the file.
        study_uid: StudyInstanceUID, made safe; ``""`` when unknown.
        identity: Patient and date as the file states them: for memory only.
        display: The display, cropped to its region.
        box: Where it stood in the image.
        axis: What was read off its axes; None where the file states its scale. Its places count in the image.
        picture: With ``axis``, the image blanked outside of the display and its axes.
        notes: What had to be assumed, plain sentences without identity.
    """

    image_id: str
    content_sha256: str
    study_uid: str
    identity: Identity
    display: SpectralDisplay
    box: Box
    axis: AxisReading | None = None
    picture: Pixels | None = None
    notes: tuple[str, ...] = ()


def read_spectral_file(
    path: Path, *, limits: ReadLimits = DEFAULT_LIMITS, reader: TextReader | None = None
) -> SpectralFile:
    """The spectral display of a DICOM file, PNG or JPEG.

    The bytes are read once. Display and scale of a picture, and of a DICOM file whose regions state none, are read off
    its axes; a picture without readable axes is one uncalibrated display. Of several frames the first is taken.

    Raises:
        ItemError: With the reason, whatever is wrong with the file; the message names no path and no patient.
    """
    data = read_bounded(path, limits=limits)
    digest = hashlib.sha256(data).hexdigest()
    with _item_errors(), QUIET:
        image = _source_image(data, limits, reader or default_text_reader())
        pixels = image.cut(image.spectral_box)
        masked = _masked(image) if image.axis else None
    return SpectralFile(
        image_id=safe_uid(image.identity.sop_uid) or content_id(digest),
        content_sha256=digest,
        study_uid=safe_uid(image.identity.study_uid),
        identity=image.identity,
        display=SpectralDisplay(
            pixels=pixels,
            calibration=image.calibration,
            mode=mode_of(image.region) if image.region else image.mode,
        ),
        box=image.spectral_box,
        axis=image.axis,
        picture=masked,
        notes=image.notes,
    )


def axis_disagreement(path: Path, *, limits: ReadLimits = DEFAULT_LIMITS) -> AxisProblem | None:
    """Where the scale that a DICOM file states and its drawn axis disagree; None where they agree or one is missing.

    Raises:
        ItemError: As :func:`read_spectral_file`.
    """
    data = read_bounded(path, limits=limits)
    if picture_images.is_picture(data):
        return None
    with _item_errors(), QUIET:
        image = dicom_images.read_dicom(data, limits)
        if image.calibration is None:
            return None
        reading = read_axis(image.cut((0, 0, image.columns, image.rows)), default_text_reader())
    return disagreement(image.calibration, image.spectral_box, reading)


def read_known_display(file: ImageFile, *, limits: ReadLimits = DEFAULT_LIMITS) -> SpectralDisplay:
    """The display of a catalogued image, in grey: the strongest channel, as networks see it.

    The same bytes passed every check when they were taken in; only the pixels are worked out again, and cut and scaled
    as the catalog says.

    Raises:
        ItemError: ``source_changed`` when the bytes are not those of then, or why they cannot be read.
    """
    data, record = _unchanged(file, limits), file.record
    with _item_errors(), QUIET:
        if picture_images.is_picture(data):
            x0, y0, x1, y1 = record.box
            pixels = brightness(picture_images.decoded_picture(data, limits)[y0:y1, x0:x1].copy())
        else:
            pixels = dicom_images.brightness_of_known(data, record.box)
    return SpectralDisplay(pixels=pixels, calibration=record.calibration, mode=record.mode)


SURROUNDINGS_PX = 64
"""How far around a display is looked for print: what its edge cuts is recognised with the part outside."""


def read_shown_pixels(file: ImageFile, *, limits: ReadLimits = DEFAULT_LIMITS) -> Pixels:
    """The display of a catalogued image for showing or exporting, in its colours, without print but for axis numbers.

    Raises:
        ItemError: As :func:`read_known_display`.
    """
    data, (x0, y0, x1, y1) = _unchanged(file, limits), file.record.box
    with _item_errors(), QUIET:
        if picture_images.is_picture(data):
            whole = picture_images.decoded_picture(data, limits)
        else:
            image = dicom_images.read_dicom(data, limits)
            whole = image.cut((0, 0, image.columns, image.rows))
        left, top = max(0, x0 - SURROUNDINGS_PX), max(0, y0 - SURROUNDINGS_PX)
        around = whole[top : y1 + SURROUNDINGS_PX, left : x1 + SURROUNDINGS_PX]
        box = (x0 - left, y0 - top, x1 - left, y1 - top)
        return without_text(around, within=box)[box[1] : box[3], box[0] : box[2]].copy()


def _unchanged(file: ImageFile, limits: ReadLimits) -> bytes:
    data = read_bounded(file.path, limits=limits)
    if hashlib.sha256(data).hexdigest() != file.record.content_sha256:
        raise ItemError(Reason.SOURCE_CHANGED, "its content changed since it was taken in; ingest its source again")
    return data


def _source_image(data: bytes, limits: ReadLimits, reader: TextReader) -> SourceImage:
    if picture_images.is_picture(data):
        return picture_images.read_picture(data, limits, reader)
    return _with_axis(dicom_images.read_dicom(data, limits), reader)


def _with_axis(image: SourceImage, reader: TextReader) -> SourceImage:
    """A DICOM image that states no usable scale, with the one that its axes give.

    Numbers of an axis stand outside of the region on many screens, so the whole frame is looked at; the region stays
    the display. A file without any region is taken as a picture.
    """
    if image.calibration is not None:
        return image
    if image.region is not None and has_frequency_scale(image.region):
        problem = AxisProblem(AxisProblemCode.FREQUENCY_SCALE, "its scale counts Hz, not velocities: uncalibrated")
        return replace(image, axis=AxisReading(problems=(problem,)), notes=(*image.notes, "uncalibrated"))
    frame = image.cut((0, 0, image.columns, image.rows))
    axis = read_axis(frame, reader)
    if axis.box is None and image.region is None:
        picture_images.check_may_be_spectral(frame, reader)
    if axis.box is None or not _overlap(axis.box, image.spectral_box):
        return _without_axis(image, axis)
    whole = image.region is None
    shown = (axis.box, *axis.kept_boxes) if whole else image.boxes
    return _by_axis(image, axis if whole else replace(axis, box=image.spectral_box), shown)


def _without_axis(image: SourceImage, axis: AxisReading) -> SourceImage:
    if image.region is None:
        raise ItemError(Reason.NO_SPECTRAL_REGION, f"{WITHOUT_REGIONS}, and no velocity axis was found on it")
    notes = (*image.notes, "no scale can be read off its axes either: uncalibrated")
    return replace(image, axis=replace(axis, box=None, mps_per_px=None), notes=notes)


def _masked(image: SourceImage) -> Pixels:
    """The whole image, black outside its regions and axes."""
    kept = image.axis.kept_boxes if image.axis else ()
    return blank_outside(image.cut((0, 0, image.columns, image.rows)), (*image.boxes, *kept))


def _by_axis(image: SourceImage, axis: AxisReading, boxes: tuple[Box, ...]) -> SourceImage:
    notes = (*image.notes, "its scale was read off its axes", *(problem.message for problem in axis.problems))
    box = axis.box or image.spectral_box
    return replace(image, axis=axis, spectral_box=box, boxes=boxes, calibration=axis.calibration, notes=notes)


def _overlap(box: Box, other: Box) -> bool:
    return min(box[2], other[2]) > max(box[0], other[0]) and min(box[3], other[3]) > max(box[1], other[1])


@contextmanager
def _item_errors() -> Iterator[None]:
    """Readers of foreign files raise a dozen types of errors; each becomes one typed error."""
    try:
        yield
    except ItemError:
        raise
    except MemoryError as error:
        raise ItemError(Reason.TOO_LARGE, "decoding it needs more memory than there is") from error
    except Exception as error:
        raise ItemError(
            Reason.UNDECODABLE, f"its content cannot be read ({type(error).__name__}); export it again"
        ) from error


def read_bounded(path: Path, *, limits: ReadLimits = DEFAULT_LIMITS) -> bytes:
    """All bytes of a regular file within the size limit.

    Raises:
        ItemError: ``source_missing``, ``unreadable``, ``too_large`` or ``empty_file``.
    """
    try:
        with open(path, "rb", opener=_open_without_blocking) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ItemError(Reason.UNREADABLE, "it is no regular file")
            if status.st_size > limits.file_bytes:
                raise ItemError(
                    Reason.TOO_LARGE, f"it has {status.st_size:,} bytes, the limit is {limits.file_bytes:,}"
                )
            data = stream.read(status.st_size + 1)
    except FileNotFoundError as error:
        raise ItemError(
            Reason.SOURCE_MISSING, "there is no such file; if there was, mount or ingest its source again"
        ) from error
    except IsADirectoryError as error:
        raise ItemError(Reason.UNREADABLE, "it is a directory; name a file in it") from error
    except (OSError, ValueError) as error:
        raise ItemError(Reason.UNREADABLE, f"it cannot be opened ({type(error).__name__}); check its rights") from error
    if len(data) > status.st_size:
        raise ItemError(Reason.UNREADABLE, "it grew while it was read; ingest it when it is complete")
    if not data:
        raise ItemError(Reason.EMPTY_FILE, "the file is empty; copy it again")
    return data


def _open_without_blocking(name: str, flags: int) -> int:
    """Opens without waiting for the other end, so that a named pipe in a source does not hang the batch."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))
