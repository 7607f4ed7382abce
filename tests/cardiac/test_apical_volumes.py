import csv
import math

import nibabel
import numpy as np
import pytest
from PIL import Image

from echomine.cardiac.apical_volumes import (
    apical_profile,
    area_length_ml,
    biplane_discs_ml,
    is_foreshortened,
    single_plane_discs_ml,
)
from echomine.cardiac.volumes import ejection_fraction_pct
from echomine.domain.errors import MeasurementError
from tests.cardiac.solids import turned_outline

SHAPE, SPACING = (360, 400), (0.35, 0.3)


def _profile(length, width, *, degrees=20, half=True):
    outline = turned_outline(SHAPE, SPACING, length_mm=length, width_mm=width, degrees=degrees, half=half)
    return apical_profile(outline, SPACING)


@pytest.mark.parametrize("degrees", [0, 20, 75, 130, 200, 301])
def test_half_ellipsoid_within_one_percent_however_it_lies(degrees):
    view = _profile(85, 44, degrees=degrees)
    truth = 2 / 3 * math.pi * 85 * 22**2 / 1000
    assert view.length_mm == pytest.approx(85, abs=0.6)
    assert single_plane_discs_ml(view) == pytest.approx(truth, rel=0.01)
    assert area_length_ml(view) == pytest.approx(truth, rel=0.01)


@pytest.mark.parametrize("degrees", [0, 33, 90])
def test_full_ellipsoid_of_the_facts(degrees):
    view = _profile(90, 2 * 24.3, degrees=degrees, half=False)
    assert 4 / 3 * math.pi * 45 * 24.3**2 / 1000 == pytest.approx(111.26, abs=0.05)
    assert single_plane_discs_ml(view) == pytest.approx(111.26, rel=0.01)


def test_biplane_takes_both_widths():
    truth = 2 / 3 * math.pi * 80 * 20 * 26 / 1000
    assert biplane_discs_ml(_profile(80, 40), _profile(80, 52, degrees=160)) == pytest.approx(truth, rel=0.01)


def test_length_is_that_of_the_instant():
    """Ventricle 90 x 50 mm that shortens to 76 x 35.3 mm: 58 % by geometry."""
    truth = ejection_fraction_pct(90 * 50**2, 76 * 35.26**2)
    assert truth == pytest.approx(58.0, abs=0.1)
    diastole, systole = _profile(90, 50), _profile(76, 35.26)
    measured = ejection_fraction_pct(single_plane_discs_ml(diastole), single_plane_discs_ml(systole))
    assert measured == pytest.approx(truth, abs=0.5)


def test_atrium_gives_the_base():
    cavity = turned_outline(SHAPE, SPACING, length_mm=80, width_mm=44, degrees=0, half=True)
    top = int(np.argmax(cavity.any(axis=1)))
    atrium = np.zeros_like(cavity)
    atrium[top - 40 : top, 140:260] = True
    view = apical_profile(cavity, SPACING, atrium=atrium)
    assert view.length_mm == pytest.approx(80, abs=0.8)
    assert view.axis.base[0] == pytest.approx(top * SPACING[0], abs=0.8)


def test_flip_and_transpose_change_nothing():
    outline = turned_outline(SHAPE, SPACING, length_mm=80, width_mm=44, degrees=25, half=True)
    volume = single_plane_discs_ml(apical_profile(outline, SPACING))
    for other, spacing in ((outline[::-1], SPACING), (outline[:, ::-1], SPACING), (outline.T, SPACING[::-1])):
        assert single_plane_discs_ml(apical_profile(other, spacing)) == pytest.approx(volume, rel=2e-3)


def test_scale_is_cubed():
    outline = turned_outline(SHAPE, SPACING, length_mm=80, width_mm=44, degrees=25, half=True)
    small, large = (apical_profile(outline, (scale * 0.35, scale * 0.3)) for scale in (1, 1.5))
    assert single_plane_discs_ml(large) == pytest.approx(1.5**3 * single_plane_discs_ml(small), rel=1e-3)


def test_islands_do_not_count():
    outline = turned_outline(SHAPE, SPACING, length_mm=80, width_mm=44, degrees=25, half=True)
    volume = single_plane_discs_ml(apical_profile(outline, SPACING))
    outline[2:8, 2:8] = True
    assert single_plane_discs_ml(apical_profile(outline, SPACING)) == pytest.approx(volume)


def test_foreshortened_views():
    assert is_foreshortened(_profile(90, 44), _profile(78, 44))
    assert not is_foreshortened(_profile(90, 44), _profile(84, 44))


@pytest.mark.parametrize(
    ("mask", "words"),
    [(np.zeros((50, 50)), "30 or more pixels"), (np.ones((4, 50, 50)), "is a plane"), (np.eye(5), "30 or more")],
)
def test_what_is_no_ventricle_is_one_sentence(mask, words):
    with pytest.raises(MeasurementError, match=words):
        apical_profile(mask, (1, 1))


def test_views_need_the_same_discs():
    outline = turned_outline(SHAPE, SPACING, length_mm=80, width_mm=44, degrees=25, half=True)
    with pytest.raises(MeasurementError, match="same number of discs"):
        biplane_discs_ml(apical_profile(outline, SPACING), apical_profile(outline, SPACING, discs=10))


@pytest.mark.real
def test_areas_of_camus_and_plausible_volumes(real_data):
    folder = real_data / "camus"
    fractions = []
    for row in csv.DictReader((folder / "index.csv").read_text().splitlines()[::4]):
        volumes = []
        for instant in ("ED", "ES"):
            image = nibabel.load(folder / f"{row['patient']}_4CH_{instant}_gt.nii.gz")
            mask = np.asarray(image.dataobj)
            four = apical_profile(mask == 1, image.header.get_zooms(), atrium=mask == 3)
            alone = apical_profile(mask == 1, image.header.get_zooms())
            assert four.area_mm2 / 100 == pytest.approx(float(row[f"lv_area_4ch_{instant}_cm2"]), rel=0.01)
            assert alone.length_mm == pytest.approx(four.length_mm, rel=0.08)
            two_file = folder / f"{row['patient']}_2CH_{instant}_lvmask.png"
            if two_file.exists():
                two = apical_profile(np.asarray(Image.open(two_file)) > 0, (0.154, 0.308))
                volumes.append(biplane_discs_ml(four, two))
        if volumes:
            fractions.append(ejection_fraction_pct(*volumes))
    assert len(fractions) >= 5
    assert min(fractions) > 10
    assert max(fractions) < 80
