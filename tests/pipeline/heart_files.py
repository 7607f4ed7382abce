"""Phantoms of heart scans of known size, written as files."""

import nibabel
import numpy as np

from echomine.pipeline.quantify_mr import MrRequest, quantify_mr
from echomine.synthetic.heart_shapes import HeartShape, draw_heart_shape
from tests.cardiac.solids import turned_outline

GREY = np.array([200, 600, 300, 800], dtype=np.float32)


def save(path, values, spacing, affine=None):
    """A NIfTI file in millimetres."""
    image = nibabel.Nifti1Image(values, np.diag([*spacing, 1.0]) if affine is None else affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    return path


def heart_volume(cavity_mm):
    """(X, Y, Z) mask and grey values of five equal slices, 8 mm apart, pixels of 1.5 mm."""
    shape = HeartShape(cavity_mm=cavity_mm, wall_mm=9, septum_angle=2.8, rv_depth_mm=26)
    plane = draw_heart_shape(shape, size=(96, 90), pixel_mm=1.5).T
    mask = np.repeat(plane[..., None], 5, axis=2)
    noise = np.random.default_rng(0).normal(0, 20, mask.shape)
    return mask, (GREY[mask] + noise).astype(np.float32)


def measured_mr(files, **changes):
    """What `cardiac mr` makes of end diastole and end systole with their masks."""
    request = {"scans": (files["ed"], files["es"]), "masks": (files["ed_mask"], files["es_mask"])}
    return quantify_mr(MrRequest(**(request | changes)))


def stored_another_way(path, target, *, flips=(), order=(0, 1, 2)):
    """The same scan with its axes stored in another order, some of them the other way."""
    image = nibabel.load(path)
    affine = image.affine.copy()
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (image.shape[axis] - 1)
        affine[:3, axis] *= -1
    affine[:, :3] = affine[:, list(order)]
    values = np.flip(np.asarray(image.dataobj), flips)
    return save(target, values.transpose(order[: values.ndim]), None, affine)


def in_world_order(path):
    """The values of a NIfTI file, axes in the order of the world."""
    return np.asarray(nibabel.as_closest_canonical(nibabel.load(path)).dataobj)


def apical_picture(length, width):
    """(X, Y) mask of a half ellipsoid with its flat side down, an atrium below it, and a picture."""
    cavity = turned_outline((300, 260), (0.4, 0.4), length_mm=length, width_mm=width, degrees=180, half=True)
    mask = cavity.astype(np.uint8)
    bottom = np.flatnonzero(cavity.any(axis=1))[-1] + 1
    mask[bottom : bottom + 50, 100:160] = 3
    return mask.T.copy(), (100 + 50 * mask.T).astype(np.float32)


def chest_ct():
    """(X, Y, Z) of a CT with air, a piece of calcium in the LAD and one in the aorta, and the mask of both."""
    values = np.full((60, 50, 12), 40, np.float32)
    values[:8] = values[:, :6] = -900
    values[20:23, 20:23, 5] = 250
    values[40:43, 30:33, 6:8] = 450
    mask = np.zeros(values.shape, np.uint8)
    mask[20:23, 20:23, 5], mask[40:43, 30:33, 6:8] = 1, 4
    return values, mask


def words_of(report):
    """Everything that a structured report says."""
    return "; ".join(str(element.value) for element in report.iterall())
