"""Headers of the DICOM images that a scan was made from, for a report in their study."""

from pathlib import Path

from pydicom.dataset import Dataset

from echomine.archive.dicom_images import parsed_dicom
from echomine.archive.quiet_reading import QUIET
from echomine.archive.source_images import ReadLimits
from echomine.domain.errors import ItemError, Reason, UsageError

LARGEST_FILES = 5000


def read_study_headers(path: Path, limits: ReadLimits | None = None) -> tuple[Dataset, ...]:
    """The headers, without pixels, of a DICOM file or of all DICOM images in a folder, in order of name.

    Raises:
        UsageError: If there is nothing there.
        ItemError: If no file is a DICOM image, one is damaged, or they belong to several studies.
    """
    if not path.exists():
        raise UsageError(f"there is no file or folder {path}")
    files = [path] if path.is_file() else sorted(one for one in path.iterdir() if one.is_file())
    if len(files) > LARGEST_FILES:
        raise ItemError(Reason.TOO_LARGE, f"{path.name} holds {len(files)} files, at most {LARGEST_FILES} are read")
    with QUIET:
        found = tuple(header for one in files if (header := _header(one, limits or ReadLimits())) is not None)
    if not found:
        raise ItemError(Reason.NOT_AN_IMAGE, f"{path.name} holds no DICOM image that a report could belong to")
    studies = {str(header.get("StudyInstanceUID", "")) for header in found}
    if len(studies) > 1:
        raise ItemError(Reason.BAD_SERIES, f"{path.name} holds images of {len(studies)} studies; name those of one")
    return found


def _header(path: Path, limits: ReadLimits) -> Dataset | None:
    """None for files that are no DICOM, and for a DICOM file without pixels."""
    if path.stat().st_size > limits.file_bytes:
        raise ItemError(Reason.TOO_LARGE, "a DICOM file is larger than the limit")
    data = path.read_bytes()
    if data[128:132] != b"DICM":
        return None
    header = parsed_dicom(data)
    if "PixelData" not in header:
        return None
    del header.PixelData
    return header
