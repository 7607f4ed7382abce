import io

import numpy as np
import pytest
from PIL import Image

from echomine.cardiac.published_figures import PUBLISHED, published
from echomine.domain.errors import MeasurementError
from echomine.pipeline.agreement_plots import agreement_png


def test_a_picture_of_scatter_and_differences():
    reference = np.linspace(30, 70, 12)
    data = agreement_png(reference + 2, reference, name="LV EF", unit="%", known=published("lv_ef"))
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert picture.shape == (460, 1050, 3)
    blue = (picture[..., 2] > 150) & (picture[..., 0] < 100)
    assert blue[:, :525].sum() > 100
    assert blue[:, 525:].sum() > 100


def test_too_few_pairs():
    with pytest.raises(MeasurementError):
        agreement_png([1, 2], [1, 2], name="x", unit="ml")


def test_published_figures_name_their_source():
    assert all(one.source for one in PUBLISHED)
    assert {one.who for one in published("hausdorff_lv")} >= {"between observers", "one observer twice"}
    assert published("nothing") == ()
