"""Ways to spoil a short-axis slice, each of a kind that networks and people make."""

import numpy as np
from scipy import ndimage


def corrupted(mask, rng):
    """One random damage, and its name."""
    name = list(DAMAGES)[rng.integers(len(DAMAGES))]
    return DAMAGES[name](mask.copy(), rng), name


def _spot(mask, rng, inside):
    places = np.argwhere(inside) if inside.any() else np.argwhere(mask >= 0)
    y, x = places[rng.integers(len(places))]
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    return (rows - y) ** 2 + (columns - x) ** 2 <= rng.integers(1, 7) ** 2


def _hole(mask, rng):
    mask[_spot(mask, rng, mask > 0)] = 0
    return mask


def _island(mask, rng):
    mask[_spot(mask, rng, mask == 0)] = rng.integers(1, 4)
    return mask


def _gap(mask, rng):
    shift = int(rng.integers(2, 15))
    right = np.roll(mask == 1, (-shift, shift)[rng.integers(2)], axis=rng.integers(2))
    mask[mask == 1] = 0
    mask[right & (mask == 0)] = 1
    return mask


def _leak(mask, rng):
    lv = ndimage.binary_dilation(mask == 3, iterations=int(rng.integers(2, 12)))
    mask[lv & _spot(mask, rng, mask == 2)] = 3
    return mask


def _swapped(mask, rng):
    order = rng.permutation(4)
    return order[mask].astype(np.uint8)


def _empty(mask, rng):
    return np.zeros_like(mask)


def _noise(mask, rng):
    share = rng.choice([0.02, 0.3, 1.0])
    return np.where(rng.random(mask.shape) < share, rng.integers(0, 4, mask.shape), mask).astype(np.uint8)


def _lost(mask, rng):
    mask[mask == rng.integers(1, 4)] = 0
    return mask


def _cut(mask, rng):
    at = rng.integers(mask.shape[0] // 4, 3 * mask.shape[0] // 4)
    mask[at : at + rng.integers(1, 30)] = 0
    return mask


def _one_label(mask, rng):
    return np.full_like(mask, rng.integers(1, 4))


def _unknown(mask, rng):
    mask[_spot(mask, rng, mask > 0)] = 9
    return mask


DAMAGES = {
    "hole": _hole,
    "island": _island,
    "gap": _gap,
    "leak": _leak,
    "swapped": _swapped,
    "empty": _empty,
    "noise": _noise,
    "lost": _lost,
    "cut": _cut,
    "one label": _one_label,
    "unknown": _unknown,
}
