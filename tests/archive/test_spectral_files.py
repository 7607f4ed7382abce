"""The edge to foreign files: good ones come out cropped and calibrated, bad ones with a reason, none with a crash."""

import io
import os
import warnings
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_files
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from echomine.archive import picture_images, spectral_files
from echomine.archive.source_images import ReadLimits
from echomine.archive.spectral_files import read_spectral_file
from echomine.domain.errors import ItemError, Reason
from echomine.domain.vocabulary import DopplerMode
from echomine.doppler.axis import AxisReading, ReadText

PIXELS = np.random.default_rng(5).integers(1, 255, (200, 300), dtype=np.uint8)


class Blind:
    """A reader that sees no print."""

    def read(self, crops):
        return [ReadText("", 0.0) for _ in crops]

    def find(self, pixels):
        return []


@pytest.fixture(autouse=True)
def blind(monkeypatch):
    """These tests are about files; reading axes and print off them has its own."""
    monkeypatch.setattr(spectral_files, "default_text_reader", Blind)
    monkeypatch.setattr(spectral_files, "read_axis", lambda pixels, reader: AxisReading())
    monkeypatch.setattr(picture_images, "read_axis", lambda pixels, reader: AxisReading())


@pytest.fixture
def put(tmp_path):
    def put(data: bytes, name: str = "image.dcm") -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return put


def reason_of(path, **options):
    with pytest.raises(ItemError) as caught:
        read_spectral_file(path, **options)
    sentence = str(caught.value)
    assert path.name not in sentence
    assert "\n" not in sentence
    assert "MRN-77" not in sentence
    assert "DOE" not in sentence
    return caught.value.reason


def png(pixels, form="PNG"):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format=form)
    return stream.getvalue()


# --- what a good file gives -------------------------------------------------------------------------------------


def test_a_display_comes_out_cropped_and_calibrated(make_dicom, put):
    read = read_spectral_file(put(make_dicom(PIXELS)))
    assert np.array_equal(read.display.pixels, PIXELS[60:180, 20:280])
    assert read.box == (20, 60, 280, 180)
    assert read.display.mode is DopplerMode.CW
    scale = read.display.calibration
    assert scale is not None
    assert (scale.mps_per_px, scale.baseline_y, scale.s_per_px) == (0.05, 40.0, 0.01)
    assert (read.image_id, read.study_uid) == ("1.2.3.4", "1.2.3")
    assert read.identity.patient_id == "MRN-77"
    assert "MRN-77" not in repr(read)
    assert read.notes == ()


def test_the_digest_is_that_of_the_file(make_dicom, put):
    import hashlib

    data = make_dicom(PIXELS)
    assert read_spectral_file(put(data)).content_sha256 == hashlib.sha256(data).hexdigest()


@pytest.fixture
def shown(monkeypatch, make_dicom, put, spectral_region):
    """The whole picture, as it may be shown, of a file without a scale whose axis is read."""
    reading = AxisReading(box=(20, 60, 280, 180), mps_per_px=0.05, baseline_row=100.0, s_per_px=0.01)
    monkeypatch.setattr(spectral_files, "read_axis", lambda pixels, reader: reading)

    def shown(pixels, *others):
        unscaled = spectral_region | {"PhysicalUnitsYDirection": 0}
        picture = read_spectral_file(put(make_dicom(pixels, regions=[*others, unscaled]))).picture
        assert picture.shape == pixels.shape
        return picture

    return shown


def test_burned_in_text_outside_the_regions_never_leaves(shown, tissue_region):
    pixels = PIXELS.copy()
    pixels[:9, :90] = 255  # where a name would be
    picture = shown(pixels, tissue_region)
    assert not picture[:10].any()
    assert not picture[10:50, :100].any()
    assert np.array_equal(picture[10:50, 100:200], pixels[10:50, 100:200])
    assert np.array_equal(picture[60:180, 20:280], pixels[60:180, 20:280])
    assert not picture[180:].any()


def test_graphics_regions_are_blanked_too(shown, tissue_region):
    for form in (5, 0):  # text, unknown
        assert not shown(PIXELS, tissue_region | {"RegionSpatialFormat": form})[:60].any()


def test_of_several_frames_the_first(make_dicom, put):
    frames = np.stack([PIXELS, 255 - PIXELS, PIXELS])
    read = read_spectral_file(put(make_dicom(frames, frames=3)))
    assert np.array_equal(read.display.pixels, PIXELS[60:180, 20:280])
    assert read.notes == ("the first of 3 frames",)


def test_colour(make_dicom, put):
    colour = np.stack([PIXELS, PIXELS // 2, PIXELS // 3], axis=-1)
    read = read_spectral_file(put(make_dicom(colour)))
    assert np.array_equal(read.display.pixels, colour[60:180, 20:280])


def test_ybr(make_dicom, put):
    grey = np.stack([PIXELS, np.full_like(PIXELS, 128), np.full_like(PIXELS, 128)], axis=-1)
    read = read_spectral_file(put(make_dicom(grey, PhotometricInterpretation="YBR_FULL")))
    difference = read.display.pixels.astype(int) - PIXELS[60:180, 20:280, None]
    assert np.abs(difference).max() <= 1


def test_palette(make_dicom, put):
    ramp = np.arange(256, dtype=np.uint16)
    tables = {}
    for name, factor in (("Red", 257), ("Green", 128), ("Blue", 0)):
        tables[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tables[f"{name}PaletteColorLookupTableData"] = (ramp * factor).astype("<u2").tobytes()
    read = read_spectral_file(put(make_dicom(PIXELS, PhotometricInterpretation="PALETTE COLOR", **tables)))
    crop = PIXELS[60:180, 20:280]
    assert np.array_equal(read.display.pixels[..., 0], crop)
    assert np.array_equal(read.display.pixels[..., 1], crop.astype(int) * 128 // 256)
    assert not read.display.pixels[..., 2].any()


def test_sixteen_bits_and_inverted_grey(make_dicom, put):
    wide = PIXELS.astype(np.uint16) << 4
    read = read_spectral_file(put(make_dicom(wide, BitsStored=12, HighBit=11)))
    assert np.array_equal(read.display.pixels, PIXELS[60:180, 20:280])
    read = read_spectral_file(put(make_dicom(PIXELS, PhotometricInterpretation="MONOCHROME1")))
    assert np.array_equal(read.display.pixels, 255 - PIXELS[60:180, 20:280])


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90"])
def test_lossless_compression(make_dicom, put, syntax):
    dataset = pydicom.dcmread(io.BytesIO(make_dicom(PIXELS)))
    dataset.compress(syntax, generate_instance_uid=False)
    stream = io.BytesIO()
    dataset.save_as(stream)
    read = read_spectral_file(put(stream.getvalue()))
    assert np.array_equal(read.display.pixels, PIXELS[60:180, 20:280])


def test_frequency_scales_and_silent_files_go_in_uncalibrated(make_dicom, put, spectral_region):
    for changes in (
        {"PhysicalUnitsYDirection": 5},
        {"RegionFlags": 4},
        {"PhysicalDeltaY": None},
        {"ReferencePixelY0": None},
    ):
        read = read_spectral_file(put(make_dicom(PIXELS, regions=[spectral_region | changes])))
        assert read.display.calibration is None
        assert any("uncalibrated" in note for note in read.notes)


def test_a_region_beyond_the_image_is_clipped(make_dicom, put, spectral_region):
    read = read_spectral_file(put(make_dicom(PIXELS, regions=[spectral_region | {"RegionLocationMaxY1": 259}])))
    assert read.box == (20, 60, 280, 200)
    assert read.display.calibration is not None
    assert read.display.calibration.baseline_y == 40
    assert any("clipped" in note for note in read.notes)


def test_pictures_go_in_whole_and_uncalibrated(put):
    read = read_spectral_file(put(png(PIXELS), "shot.png"))
    assert np.array_equal(read.display.pixels, PIXELS)
    assert read.display.calibration is None
    assert read.display.mode is DopplerMode.UNKNOWN
    assert read.image_id == f"sha256-{read.content_sha256[:32]}"
    colour = np.stack([PIXELS] * 3, axis=-1)
    assert read_spectral_file(put(png(colour, "JPEG"), "shot.jpeg")).display.pixels.shape == (200, 300, 3)


def test_picture_modes_become_eight_bits(put):
    wide = Image.fromarray((PIXELS.astype(np.uint16) << 8) + 7)
    for picture, shape in (
        (wide, (200, 300)),
        (Image.fromarray(PIXELS).convert("P"), (200, 300, 3)),
        (Image.fromarray(PIXELS).convert("LA"), (200, 300)),
        (Image.fromarray(PIXELS).convert("RGBA"), (200, 300, 3)),
        (Image.fromarray(PIXELS).convert("1"), (200, 300)),
    ):
        stream = io.BytesIO()
        picture.save(stream, format="PNG")
        pixels = read_spectral_file(put(stream.getvalue(), "shot.png")).display.pixels
        assert pixels.dtype == np.uint8
        assert pixels.shape == shape
    assert np.array_equal(read_spectral_file(put(png_of(wide), "wide.png")).display.pixels, PIXELS)


def png_of(picture):
    stream = io.BytesIO()
    picture.save(stream, format="PNG")
    return stream.getvalue()


# --- hostile identifiers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2.3\n4", "..", "a" * 5000, "1" * 66, "1..2", "1.2.३"])
def test_hostile_uids_are_hashed(make_dicom, put, uid):
    raw = uid.encode() + b" " * (len(uid.encode()) % 2)
    placeholder = "7" * len(raw)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = make_dicom(PIXELS, SOPInstanceUID=placeholder)
    read = read_spectral_file(put(data.replace(placeholder.encode(), raw)))
    assert read.image_id.startswith("sha256-")
    assert len(read.image_id) == 39


def test_no_uid_at_all_is_known_by_content(make_dicom, put):
    data = make_dicom(PIXELS)
    dataset = pydicom.dcmread(io.BytesIO(data))
    del dataset.SOPInstanceUID
    stream = io.BytesIO()
    dataset.save_as(stream)
    read = read_spectral_file(put(stream.getvalue()))
    assert read.image_id == f"sha256-{read.content_sha256[:32]}"


# --- refused files ------------------------------------------------------------------------------------------------


def test_empty(put):
    assert reason_of(put(b"")) is Reason.EMPTY_FILE


def test_missing(tmp_path):
    assert reason_of(tmp_path / "gone.dcm") is Reason.SOURCE_MISSING


def test_folders_and_pipes_do_not_hang(tmp_path):
    assert reason_of(tmp_path) is Reason.UNREADABLE
    os.mkfifo(tmp_path / "pipe")
    assert reason_of(tmp_path / "pipe") is Reason.UNREADABLE


@pytest.mark.parametrize("data", [b"hello", b"%PDF-1.7 x", bytes(1000), b"MZ" + bytes(500), b"\xff" * 50])
def test_no_image(put, data):
    assert reason_of(put(data)) is Reason.NOT_AN_IMAGE


def test_truncated_at_every_hundredth_byte(make_dicom, put):
    data = make_dicom(PIXELS)
    seen = {reason_of(put(data[:size])) for size in range(100, len(data) - 1, 997)}
    assert seen <= {Reason.TRUNCATED, Reason.NOT_AN_IMAGE, Reason.BROKEN_DICOM, Reason.WRONG_MODALITY, Reason.NO_PIXELS}
    assert reason_of(put(data[: len(data) // 2])) is Reason.TRUNCATED
    assert reason_of(put(data[:-1])) is Reason.TRUNCATED


def test_truncated_compressed(make_dicom, put):
    dataset = pydicom.dcmread(io.BytesIO(make_dicom(PIXELS)))
    dataset.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    stream = io.BytesIO()
    dataset.save_as(stream)
    data = stream.getvalue()
    assert reason_of(put(data[: len(data) // 2])) is Reason.TRUNCATED


def test_truncated_picture(put):
    data = png(PIXELS)
    assert reason_of(put(data[: len(data) // 2], "x.png")) is Reason.TRUNCATED
    assert reason_of(put(data[:9], "x.png")) in (Reason.NOT_AN_IMAGE, Reason.TRUNCATED)


def test_wrong_modality(make_dicom, put):
    other = make_dicom(PIXELS, SOPClassUID="1.2.840.10008.5.1.4.1.1.4", Modality="MR")
    assert reason_of(put(other)) is Reason.WRONG_MODALITY


def test_no_pixels(make_dicom, put):
    assert reason_of(put(make_dicom(PIXELS, PixelData=None))) is Reason.NO_PIXELS
    assert reason_of(put(make_dicom(PIXELS, PixelData=b""))) is Reason.NO_PIXELS
    assert reason_of(put(make_dicom(PIXELS, Rows=0))) is Reason.NO_PIXELS


def test_no_regions(make_dicom, put, tissue_region):
    for regions in (None, [], [tissue_region]):
        assert reason_of(put(make_dicom(PIXELS, regions=regions))) is Reason.NO_SPECTRAL_REGION


def test_a_region_outside_the_image(make_dicom, put, spectral_region):
    outside = spectral_region | {"RegionLocationMinY0": 4000, "RegionLocationMaxY1": 4500}
    assert reason_of(put(make_dicom(PIXELS, regions=[outside]))) is Reason.BAD_REGION
    absurd = spectral_region | {"RegionLocationMaxX1": 2**32 - 1, "RegionLocationMaxY1": 2**32 - 1}
    assert reason_of(put(make_dicom(PIXELS, regions=[absurd]))) is Reason.BAD_REGION


def test_stated_sizes_are_refused_before_decoding(make_dicom, put):
    assert reason_of(put(make_dicom(PIXELS, Rows=65535, Columns=65535))) is Reason.TOO_LARGE
    assert reason_of(put(make_dicom(PIXELS, NumberOfFrames=10**9))) is Reason.TOO_LARGE


def test_a_large_file_is_refused_unread(make_dicom, put):
    assert reason_of(put(make_dicom(PIXELS)), limits=ReadLimits(file_bytes=1000)) is Reason.TOO_LARGE


def test_a_sparse_giant_is_refused_at_once(tmp_path):
    path = tmp_path / "giant.dcm"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    assert reason_of(path) is Reason.TOO_LARGE


def test_picture_bomb(put):
    assert reason_of(put(png(np.zeros((20000, 20000), dtype=np.uint8)), "bomb.png")) is Reason.TOO_LARGE
    assert reason_of(put(png(np.zeros((9000, 9000), dtype=np.uint8)), "bomb.png")) is Reason.TOO_LARGE


def test_a_frame_that_says_it_is_larger_than_the_header(make_dicom, put):
    frame = png(np.zeros((9000, 9000), dtype=np.uint8), "JPEG")
    dataset = pydicom.dcmread(io.BytesIO(make_dicom(PIXELS)))
    dataset.PixelData = pydicom.encaps.encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.50"
    stream = io.BytesIO()
    dataset.save_as(stream)
    assert reason_of(put(stream.getvalue())) is Reason.TOO_LARGE


def test_deflated_is_refused_without_inflating(make_dicom, put):
    data = make_dicom(PIXELS)
    plain = pydicom.dcmread(io.BytesIO(data))
    plain.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    stream = io.BytesIO()
    plain.save_as(stream)
    assert reason_of(put(stream.getvalue())) is Reason.DEFLATED
    header = stream.getvalue()[: stream.getvalue().index(b"1.2.840.10008.1.2.1.99") + 22]
    bomb = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(200)) + bomb.flush()
    assert reason_of(put(header + body)) in (Reason.DEFLATED, Reason.BROKEN_DICOM)


def test_encrypted(make_dicom, put):
    item = Dataset()
    item.EncryptedContentTransferSyntaxUID = "1.2.840.10008.1.2"
    item.EncryptedContent = bytes(64)
    assert reason_of(put(make_dicom(PIXELS, EncryptedAttributesSequence=Sequence([item])))) is Reason.ENCRYPTED
    envelope = bytes.fromhex("3082100006092a864886f70d010703a0821000") + os.urandom(4096)
    assert reason_of(put(envelope)) is Reason.ENCRYPTED


def test_unknown_compression(make_dicom, put):
    dataset = pydicom.dcmread(io.BytesIO(make_dicom(PIXELS)))
    dataset.PixelData = pydicom.encaps.encapsulate([os.urandom(500)])
    dataset["PixelData"].VR = "OB"
    for syntax in ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"):
        dataset.file_meta.TransferSyntaxUID = syntax
        stream = io.BytesIO()
        dataset.save_as(stream)
        assert reason_of(put(stream.getvalue())) is Reason.UNDECODABLE


# --- many files ---------------------------------------------------------------------------------------------------


def outcome(path):
    """The reason of a file, or None when it was read; anything else fails the test that asks."""
    try:
        read_spectral_file(path)
    except ItemError as error:
        return error.reason
    return None


@pytest.mark.parametrize("compressed", [False, True])
def test_mutated_files_give_a_display_or_a_reason(make_dicom, put, compressed):
    data = make_dicom(PIXELS[:190, :290])
    if compressed:
        dataset = pydicom.dcmread(io.BytesIO(data))
        dataset.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
        stream = io.BytesIO()
        dataset.save_as(stream)
        data = stream.getvalue()
    rng = np.random.default_rng(11)
    header = data.index(b"\xe0\x7f\x10\x00") + 12
    for _ in range(600):
        mutated = bytearray(data)
        for _ in range(int(rng.integers(1, 8))):
            mutated[int(rng.integers(0, header))] = int(rng.integers(0, 256))
        if rng.random() < 0.2:
            cut = int(rng.integers(132, len(mutated)))
            del mutated[cut : cut + int(rng.integers(1, 40))]
        outcome(put(bytes(mutated)))


def test_mutated_pictures(put):
    rng = np.random.default_rng(12)
    for data in (png(PIXELS), png(PIXELS, "JPEG")):
        for _ in range(150):
            mutated = bytearray(data)
            for _ in range(int(rng.integers(1, 6))):
                mutated[int(rng.integers(8, min(400, len(data))))] = int(rng.integers(0, 256))
            outcome(put(bytes(mutated), "x.png"))


def test_every_file_that_pydicom_tests_with_has_an_outcome():
    files = [Path(name) for name in get_testdata_files() if Path(name).is_file()]
    reasons = [outcome(path) for path in files]
    assert len(files) > 100
    assert None not in reasons  # there is no spectral display among them
    assert {Reason.WRONG_MODALITY, Reason.NO_SPECTRAL_REGION, Reason.DEFLATED} <= set(reasons)


@pytest.mark.real
def test_real_ultrasound_files_say_what_they_lack(real_data):
    files = sorted((real_data / "dicom_us").glob("*.dcm"))
    assert len(files) == 12
    assert {outcome(path) for path in files} == {Reason.NO_SPECTRAL_REGION, Reason.COLOUR_DOPPLER}


@pytest.mark.real
def test_real_strips_without_a_readable_axis_go_in_uncalibrated(real_data):
    files = sorted((real_data / "doppler" / "dev" / "doppler_av_l-e13").glob("*.*g"))
    assert len(files) == 16
    for path in files:
        read = read_spectral_file(path)
        assert read.display.calibration is None
        assert min(read.display.pixels.shape[:2]) > 400


def test_a_directory_is_said_to_be_one(tmp_path):
    with pytest.raises(ItemError, match="directory") as caught:
        read_spectral_file(tmp_path)
    assert caught.value.reason is Reason.UNREADABLE
