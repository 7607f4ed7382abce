"""Fixtures that all tests share."""

import fcntl
import io
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
TINY_ARCHIVE = {
    "n_reported_pairs": 32,
    "n_unreported_images": 48,
    "n_valve_paragraphs": 320,
    "n_views": 50,
    "compact": True,
}
TINY_SETTINGS = """
[text_space]
size = 32
epochs = 10
[image_feature]
kernels = 200
components = 64
sample = 60
folds = 2
[transform]
members = 1
epochs = 5
[labeller]
precision = 0.6
folds = 2
"""
TEST_KEY = b"a key of patients who do not exist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """A small synthetic archive, ingested, learnt from for a few seconds, and labelled.

    Attributes:
        workspace: Directory of catalog and models.
        archive: Where the sources lie, ``truth.csv`` among them.
        settings: TOML file of the settings that it was learnt with.
    """

    workspace: Path
    archive: Path
    settings: Path


@pytest.fixture(scope="session")
def mined_workspace(tmp_path_factory: pytest.TempPathFactory) -> Mined:
    """A mined workspace to look at, never to change: 80 images, 320 paragraphs; built once for all workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "mined"
    folder.mkdir(exist_ok=True)
    mined = Mined(workspace=folder / "workspace", archive=folder / "archive", settings=folder / "settings.toml")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            _mine(mined)
            (folder / "done").touch()
    return mined


@pytest.fixture
def mined_copy(mined_workspace: Mined, tmp_path: Path) -> Mined:
    """A copy of the mined workspace that a test may change; the archive is the shared one."""
    workspace = tmp_path / "workspace"
    shutil.copytree(mined_workspace.workspace, workspace)
    return Mined(workspace=workspace, archive=mined_workspace.archive, settings=mined_workspace.settings)


def _mine(mined: Mined) -> None:
    from echomine.archive.synthetic_writer import write_archive
    from echomine.archive.workspace import Workspace
    from echomine.pipeline.ingest import ingest
    from echomine.pipeline.label_archive import label_archive
    from echomine.pipeline.learn import learn
    from echomine.pipeline.settings import read_settings
    from echomine.synthetic.config import ArchiveConfig

    mined.settings.write_text(TINY_SETTINGS, encoding="utf-8")
    write_archive(mined.archive, ArchiveConfig(**TINY_ARCHIVE), seed=0)
    workspace = Workspace.open(mined.workspace, create=True, pseudonym_key=TEST_KEY)
    ingest(workspace, [mined.archive])
    learn(workspace, read_settings(mined.settings), seed=0)
    label_archive(workspace)
    workspace.close()


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
