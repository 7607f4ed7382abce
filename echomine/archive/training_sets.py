"""Data sets that image networks learn from: folders of pictures, masks, volumes, and COCO files.

image_folder  PATH/<split>/metadata.jsonl + pictures (echomine export --format hf), or PATH/[<split>/]<class>/pictures
mask_folder   PATH/images/NAME.png + PATH/masks/NAME.png
nifti         PATH/NAME.nii.gz + PATH/NAME<mask_suffix>.nii.gz, slice by slice
coco          PATH/annotations.json (bbox, segmentation) + PATH/images
"""

from collections.abc import Callable
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echomine.archive.coco_files import load_coco
from echomine.archive.image_folders import load_image_folder
from echomine.archive.nifti_files import NiftiImage, check_same_grid, is_nifti, read_nifti
from echomine.archive.picture_bytes import read_label_values, read_pixels
from echomine.archive.training_data import (
    PICTURE_SUFFIXES,
    DataConfig,
    DataKind,
    LoadedSet,
    collected,
    group_of,
    pixel_spacing,
)
from echomine.domain.errors import ItemError, Reason, UsageError
from echomine.learning.samples import Sample, check_label_map, check_pixels

MASK_SUFFIX = "_gt"
_NO_SCALE = ((None, None), (1.0, 0.0))


def load_training_set(config: DataConfig, folder: Path) -> LoadedSet:
    """The data set of a folder; a bad picture is listed and left out.

    Raises:
        UsageError: If the folder or a file it needs is missing, or no picture could be read.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}; set data.path, or give --data")
    loaded = _readers()[DataKind(config.kind)](config, folder)
    if not loaded.samples.samples:
        first = f"; the first problem: {loaded.problems[0].message}" if loaded.problems else ""
        raise UsageError(f"no picture of {folder} can be learnt from ({config.kind}, {config.pattern}){first}")
    return loaded


def _readers() -> dict[DataKind, Callable[[DataConfig, Path], LoadedSet]]:
    return {
        DataKind.IMAGE_FOLDER: load_image_folder,
        DataKind.MASK_FOLDER: _load_mask_folder,
        DataKind.NIFTI: _load_nifti,
        DataKind.COCO: load_coco,
    }


def _load_mask_folder(config: DataConfig, folder: Path) -> LoadedSet:
    pictures = sorted(path for path in (folder / config.images).glob("*") if _fits(path, config, PICTURE_SUFFIXES))
    return collected(
        ((path.name, partial(_masked_picture, path, config, folder)) for path in pictures),
        tuple(config.labels),
    )


def _masked_picture(path: Path, config: DataConfig, folder: Path) -> list[Sample]:
    pixels = read_pixels(path)
    mask = folder / config.masks / f"{path.stem}{config.mask_suffix}{path.suffix}"
    mask = mask if mask.exists() else mask.with_suffix(".png")
    if not mask.exists():
        raise ItemError(Reason.BAD_TARGET, f"{path.name} has no mask {mask.name} in {config.masks}: add it")
    labels = check_label_map(path.name, read_label_values(mask), pixels.shape[1:], config.values)
    sample = Sample(
        name=path.stem,
        group=group_of(path.name, config.group),
        pixels=pixels,
        target=labels,
        spacing_mm=pixel_spacing(config),
    )
    return [sample]


def _load_nifti(config: DataConfig, folder: Path) -> LoadedSet:
    paths = sorted(path for path in folder.rglob("*") if _fits(path, config, (".nii", ".gz")) and is_nifti(path))
    images = [path for path in paths if not is_mask(path, config)]
    named = ((path.relative_to(folder).as_posix(), path) for path in images)
    return collected(
        ((name, partial(nifti_samples, path, config, name=name)) for name, path in named), tuple(config.labels)
    )


def nifti_samples(path: Path, config: DataConfig, *, name: str, with_mask: bool = True) -> list[Sample]:
    """The slices of a volume along its third axis, rows along its second.

    Args:
        path: The file.
        config: How the data set is read.
        name: Path of the file below the folder of the data: its samples are called by it.
        with_mask: Whether the mask beside it is read.

    Raises:
        ItemError: If image or mask cannot be read or do not fit each other, or the spacing is not stated.
    """
    stem, image = nifti_stem(name), read_volume(path)
    masks = _masks_of(path, image, config) if with_mask else None
    spacing = image.spacing_mm
    slices = as_slices(image)
    kind = np.uint8 if _holds_bytes(image) else np.float32
    return [
        Sample(
            name=stem if len(slices) == 1 else f"{stem}_{position:03d}",
            group=group_of(name, config.group),
            pixels=check_pixels(path.name, np.ascontiguousarray(pixels, dtype=kind)[None]),
            target=None
            if masks is None
            else check_label_map(path.name, np.ascontiguousarray(masks[position]), pixels.shape, config.values),
            spacing_mm=(spacing[1], spacing[0]),
            volume=stem if len(slices) > 1 else "",
            position=position,
            depth_mm=spacing[2] if len(spacing) == 3 else None,
        )
        for position, pixels in enumerate(slices)
    ]


def _holds_bytes(image: NiftiImage) -> bool:
    """Whether the file stores grey levels 0..255, unscaled."""
    return bool(image.header.get_data_dtype() == np.uint8 and image.header.get_slope_inter() in _NO_SCALE)


def is_mask(path: Path, config: DataConfig) -> bool:
    """Whether a volume is the mask of another, by its name."""
    return nifti_stem(path.name).endswith(config.mask_suffix or MASK_SUFFIX)


def pictures_of(folder: Path, config: DataConfig) -> Path:
    """Where the pictures of a folder lie: beside a folder of masks or a COCO file, in a folder of their own."""
    has_own = config.kind in {DataKind.MASK_FOLDER, DataKind.COCO} and (folder / config.images).is_dir()
    return folder / config.images if has_own else folder


def nifti_stem(name: str) -> str:
    """The name without its ending."""
    return name.removesuffix(".gz").removesuffix(".nii")


def as_slices(image: NiftiImage) -> NDArray[np.float32]:
    """(Z, rows, columns) of a volume (X, Y, Z) or a picture (X, Y)."""
    whole = image.values if image.values.ndim == 3 else image.values[:, :, None]
    return whole.transpose(2, 1, 0)


def from_slices(labels: NDArray[np.uint8], like: NiftiImage) -> NDArray[np.uint8]:
    """Label maps (Z, rows, columns) in the order of an image's file."""
    return np.ascontiguousarray(labels.transpose(2, 1, 0).reshape(like.values.shape))


def read_volume(path: Path) -> NiftiImage:
    """A NIfTI volume or picture whose spacing is stated.

    Raises:
        ItemError: If it cannot be read, or states no spacing.
    """
    try:
        image = read_nifti(path, dimensions=(3,))
    except ItemError as error:
        if error.reason is not Reason.WRONG_SHAPE:
            raise
        image = read_nifti(path, dimensions=(2,))
    header = image.header
    nameless = header.get_xyzt_units()[0] == "unknown" and not (header["qform_code"] or header["sform_code"])
    if nameless and set(image.spacing_mm) == {1.0}:
        raise ItemError(
            Reason.BAD_SPACING,
            f"{path.name} states no spacing, only the 1 of programs that know none: write the spacing into its header",
        )
    return image


def _masks_of(path: Path, image: NiftiImage, config: DataConfig) -> NDArray[np.float32]:
    stem = nifti_stem(path.name)
    beside = path.with_name(path.name.replace(stem, f"{stem}{config.mask_suffix or MASK_SUFFIX}"))
    if not beside.exists():
        raise ItemError(Reason.BAD_TARGET, f"{path.name} has no mask {beside.name}: add it")
    mask = read_volume(beside)
    check_same_grid(mask, image, beside)
    return as_slices(mask)


def read_pretrained(path: Path) -> bytes:
    """A file of pretrained weights.

    Raises:
        UsageError: If it is missing or cannot be opened.
    """
    if not path.is_file():
        raise UsageError(f"there is no file of weights {path}: correct network.weights")
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"the weights {path} cannot be read ({error.strerror}): correct network.weights") from error


def _fits(path: Path, config: DataConfig, suffixes: tuple[str, ...]) -> bool:
    return path.suffix.lower() in suffixes and fnmatch(path.name, config.pattern) and not path.name.startswith(".")
