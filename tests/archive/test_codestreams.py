"""Sizes read off compressed frames, against the files' own headers and Pillow."""

import io

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydicom.data import get_testdata_file

from echomine.archive.codestreams import encoded_size


@pytest.mark.parametrize("size", [(8, 8), (321, 77), (4000, 16)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 5}])
def test_jpeg(size, options):
    stream = io.BytesIO()
    Image.new("RGB", size).save(stream, format="JPEG", **options)
    assert encoded_size(stream.getvalue()) == size
    assert encoded_size(b"\xfe\xff\x00\xe0" + bytes(12) + stream.getvalue()) == size


@pytest.mark.parametrize(
    "name", ["SC_rgb_jpeg_dcmtk.dcm", "JPEG2000.dcm", "JPEG-lossy.dcm", "examples_ybr_color.dcm", "JPGExtended.dcm"]
)
def test_files_of_pydicom(name):
    dataset = pydicom.dcmread(get_testdata_file(name))
    assert encoded_size(dataset.PixelData) == (dataset.Columns, dataset.Rows)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_size_or_none(data):
    for start in (b"", b"\xff\xd8\xff", b"\xff\x4f\xff\x51"):
        size = encoded_size(start + data)
        assert size is None or min(size) >= 0
