"""Writes data_samples, a small synthetic archive and a few bad files: `python -m benchmarks.write_samples DIR`."""

import argparse
import io
import shutil
from dataclasses import replace
from pathlib import Path

from PIL import Image

from echomine.archive.synthetic_writer import write_archive
from echomine.synthetic.config import ArchiveConfig
from echomine.synthetic.dicom import dicom_bytes
from echomine.synthetic.images import DrawnImage, draw_image
from echomine.synthetic.plan import plan_archive
from echomine.synthetic.screen import colour_table, put_text

SEED = 2021
CONFIG = ArchiveConfig(n_reported_pairs=10, n_unreported_images=18, n_valve_paragraphs=100, n_views=18, compact=True)
_SPECIAL_SEED = 2022
_SPECIAL_CONFIG = ArchiveConfig(
    n_reported_pairs=0, n_unreported_images=6, n_valve_paragraphs=0, n_views=0, compact=True
)
_WRITTEN = ("images", "special", "reports.jsonl", "pairs.csv", "views.csv", "truth.csv", "archive.json")


def write_samples(directory: Path) -> None:
    """Write the archive and, under ``special``, the files that a reader must cope with; the README stays."""
    for name in _WRITTEN:
        _remove(directory / name)
    scratch = directory / "archive.partial"
    _remove(scratch)
    write_archive(scratch, CONFIG, SEED)
    for entry in sorted(scratch.iterdir()):
        entry.rename(directory / entry.name)
    scratch.rmdir()
    special = directory / "special"
    special.mkdir()
    for name, content in special_files().items():
        (special / name).write_bytes(content)


def special_files() -> dict[str, bytes]:
    """The unusual files by name: cut off, uncalibrated, scaled in Hz, with a burned-in name, two screenshots."""
    plan, _ = plan_archive(_SPECIAL_CONFIG, _SPECIAL_SEED)
    cut, bare, hertz, named, *screenshots = (draw_image(_SPECIAL_CONFIG, _SPECIAL_SEED, image) for image in plan.images)
    whole = dicom_bytes(cut)
    files = {
        "truncated.dcm": whole[: len(whole) * 2 // 5],
        "uncalibrated.dcm": dicom_bytes(bare, calibrated=False),
        "frequency_scale.dcm": dicom_bytes(with_frequency_scale(hertz)),
        "burned_in_name.dcm": dicom_bytes(with_burned_in_name(named)),
    }
    for number, image in enumerate(screenshots, start=1):
        files[f"screenshot_{number}.png"] = _png_bytes(image)
    return files


def with_burned_in_name(image: DrawnImage) -> DrawnImage:
    """The image with its synthetic patient's name in the upper left corner, outside the regions."""
    levels = image.levels.copy()
    patient = image.exam.patient
    put_text(levels, (6, 4), f"SYNTHETIC {patient.patient_id}  {patient.born.isoformat()}", 14)
    return replace(image, levels=levels)


def with_frequency_scale(image: DrawnImage) -> DrawnImage:
    """The image with its spectral region declared in Hz: found, but without a velocity scale."""
    sector, spectral, *others = image.regions
    spectral = replace(spectral, flags=spectral.flags | 4, units_y=5)
    return replace(image, regions=(sector, spectral, *others))


def _png_bytes(image: DrawnImage) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(colour_table(image.settings.colour_map)[image.levels]).save(buffer, "PNG")
    return buffer.getvalue()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    write_samples(parser.parse_args().directory)
