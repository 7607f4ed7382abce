"""Data sets for image networks: each form read, each bad item listed with what to change."""

import gzip
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from echomine.archive.coco_files import coco_document
from echomine.archive.image_folders import coarse_class
from echomine.archive.training_data import DataConfig
from echomine.archive.training_sets import from_slices, load_training_set, read_volume
from echomine.domain.errors import ConfigurationError, ItemError, Reason, UsageError
from echomine.domain.vocabulary import Split
from echomine.metrics.boxes import PictureObjects

MASKS = {"kind": "mask_folder", "path": "", "labels": {"LV": 255}, "group": "^(p[0-9]+)"}
NIFTI = {"kind": "nifti", "path": "", "labels": {"LV": 1, "LA": 3}}


def write_png(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)


def write_nifti(path: Path, values: np.ndarray, spacing: tuple[float, ...] = (1.5, 0.5, 8.0), unit: str = "mm") -> None:
    image = nibabel.Nifti1Image(values, np.diag([*spacing[:3], 1.0]))
    image.header.set_zooms(spacing[: values.ndim])
    image.header.set_xyzt_units(unit)
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, path)


def mask_folder(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("p1_a", "p1_b", "p2_a"):
        write_png(folder / "images" / f"{name}.png", rng.integers(0, 255, (20, 30)))
        mask = np.zeros((20, 30))
        mask[5:10, 6:12] = 255
        write_png(folder / "masks" / f"{name}.png", mask)
    return folder


def test_a_mask_folder(tmp_path):
    loaded = load_training_set(DataConfig(**MASKS, spacing_mm=(0.5, 0.25)), mask_folder(tmp_path))
    samples = loaded.samples.samples
    assert loaded.problems == ()
    assert loaded.samples.classes == ("LV",)
    assert [(one.name, one.group) for one in samples] == [("p1_a", "p1"), ("p1_b", "p1"), ("p2_a", "p2")]
    assert samples[0].pixels.shape == (1, 20, 30)
    assert int(samples[0].target.sum()) == 30
    assert samples[0].spacing_mm == (0.5, 0.25)


def test_masks_stored_in_three_equal_channels_are_grey(tmp_path):
    folder = mask_folder(tmp_path)
    for name in ("images", "masks"):
        path = folder / name / "p1_a.png"
        grey = np.asarray(Image.open(path))
        write_png(path, np.repeat(grey[..., None], 3, axis=2))
    sample = load_training_set(DataConfig(**MASKS), folder).samples.samples[0]
    assert sample.pixels.shape == (1, 20, 30)
    assert int(sample.target.sum()) == 30


def test_twelve_bits_in_sixteen_are_not_black(tmp_path):
    folder = mask_folder(tmp_path)
    grey = np.asarray(Image.open(folder / "images" / "p1_a.png"))
    Image.fromarray(grey.astype(np.uint16) << 4).save(folder / "images" / "p1_a.png")
    sample = load_training_set(DataConfig(**MASKS), folder).samples.samples[0]
    assert np.array_equal(sample.pixels[0], grey)


@pytest.mark.parametrize(
    ("spoil", "reason", "words"),
    [
        (lambda f: (f / "masks/p1_a.png").unlink(), Reason.BAD_TARGET, "has no mask"),
        (lambda f: write_png(f / "masks/p1_a.png", np.zeros((20, 31))), Reason.BAD_TARGET, "one size"),
        (lambda f: write_png(f / "masks/p1_a.png", np.full((20, 30), 128)), Reason.BAD_TARGET, "unknown value"),
        (
            lambda f: write_png(f / "masks/p1_a.png", np.dstack([np.eye(20, 30), np.zeros((20, 30, 2))]) * 255),
            Reason.BAD_TARGET,
            "in colour",
        ),
        (lambda f: (f / "images/p1_a.png").write_bytes(b""), Reason.EMPTY_FILE, "empty"),
        (lambda f: (f / "images/p1_a.png").write_bytes(b"GIF89a"), Reason.NOT_AN_IMAGE, "no PNG"),
        (
            lambda f: (f / "images/p1_a.png").write_bytes((f / "images/p1_b.png").read_bytes()[:200]),
            Reason.TRUNCATED,
            "cut off",
        ),
        (lambda f: write_png(f / "images/q1.png", np.zeros((4, 4))), Reason.BAD_ROW, "finds no patient"),
    ],
)
def test_a_bad_picture_is_listed_and_the_others_are_read(tmp_path, spoil, reason, words):
    folder = mask_folder(tmp_path)
    write_png(folder / "masks" / "q1.png", np.zeros((4, 4)))
    spoil(folder)
    loaded = load_training_set(DataConfig(**MASKS), folder)
    assert [problem.reason for problem in loaded.problems] == [reason]
    assert words in loaded.problems[0].message
    assert len(loaded.samples.samples) >= 2


def test_nifti_volumes_become_slices_with_spacing(tmp_path):
    """(X, Y, Z) as stored: X are columns, Y rows."""
    values = np.zeros((6, 5, 3), dtype=np.int16)
    values[4, 1, 2] = 900
    labels = np.zeros(values.shape, dtype=np.uint8)
    labels[4, 1, 2] = 3
    write_nifti(tmp_path / "p7_ED.nii.gz", values)
    write_nifti(tmp_path / "p7_ED_gt.nii.gz", labels)
    samples = load_training_set(DataConfig(**NIFTI), tmp_path).samples.samples
    assert [(one.name, one.volume, one.group, one.position) for one in samples] == [
        (f"p7_ED_{at:03d}", "p7_ED", "p7", at) for at in range(3)
    ]
    assert samples[0].spacing_mm == (0.5, 1.5)
    assert samples[0].depth_mm == 8
    assert samples[2].pixels[0, 1, 4] == 900
    assert samples[2].target[1, 4] == 2
    volume = read_volume(tmp_path / "p7_ED.nii.gz")
    drawn = np.stack([one.target for one in samples])
    assert np.array_equal(from_slices(drawn, volume) == 2, labels == 3)


@pytest.mark.parametrize(
    ("image", "mask", "reason", "words"),
    [
        ({"spacing": (0.0, 1.0, 1.0)}, {}, Reason.BAD_SPACING, "spacing"),
        ({"spacing": (1.0, 1.0, 1.0), "unit": "unknown"}, {}, Reason.BAD_SPACING, "programs that know none"),
        ({}, {"spacing": (1.5, 0.7, 8.0)}, Reason.BAD_SPACING, "spacing or affine differ, by 0.80 mm"),
        ({}, {"values": np.zeros((6, 5, 4), dtype=np.uint8)}, Reason.WRONG_SHAPE, "its image (6, 5, 3)"),
        ({}, {"values": np.full((6, 5, 3), 2, dtype=np.uint8)}, Reason.BAD_TARGET, "unknown value"),
        ({"values": np.full((6, 5, 3), np.nan, dtype=np.float32)}, {}, Reason.UNDECODABLE, "no numbers"),
        ({"values": np.zeros((6, 5, 3, 2), dtype=np.float32)}, {}, Reason.WRONG_SHAPE, "dimensions"),
    ],
)
def test_nifti_pairs_that_do_not_fit_are_listed(tmp_path, image, mask, reason, words):
    volume = np.ones((6, 5, 3), dtype=np.float32)
    for name in ("good_a", "bad_a"):
        write_nifti(tmp_path / f"{name}.nii.gz", volume)
        write_nifti(tmp_path / f"{name}_gt.nii.gz", np.zeros(volume.shape, dtype=np.uint8))
    for name, change in (("bad_a", image), ("bad_a_gt", mask)):
        if change:
            options = {"values": volume if name == "bad_a" else np.zeros(volume.shape, dtype=np.uint8), **change}
            image_without_codes(tmp_path / f"{name}.nii.gz", **options)
    loaded = load_training_set(DataConfig(**NIFTI), tmp_path)
    assert [problem.reason for problem in loaded.problems] == [reason]
    assert words in loaded.problems[0].message
    assert {one.group for one in loaded.samples.samples} == {"good"}


def test_a_mask_that_lies_mirrored_in_space_is_no_mask_of_its_image(tmp_path):
    """Same size and spacing, columns counted from the other side: voxel by voxel it would mark the wrong places."""
    volume = np.ones((6, 5, 3), dtype=np.float32)
    for name in ("good_a", "bad_a"):
        write_nifti(tmp_path / f"{name}.nii.gz", volume)
        write_nifti(tmp_path / f"{name}_gt.nii.gz", volume.astype(np.uint8))
    affine = np.diag([-1.5, 0.5, 8.0, 1.0])
    affine[0, 3] = 1.5 * 5
    nibabel.save(nibabel.Nifti1Image(volume.astype(np.uint8), affine), tmp_path / "bad_a_gt.nii.gz")
    loaded = load_training_set(DataConfig(**NIFTI), tmp_path)
    assert [(one.name, one.reason) for one in loaded.problems] == [("bad_a.nii.gz", Reason.BAD_SPACING)]
    assert "another grid" in loaded.problems[0].message


def image_without_codes(
    path: Path, *, values: np.ndarray, spacing: tuple[float, ...] = (1.5, 0.5, 8.0), unit: str = "mm"
) -> None:
    image = nibabel.Nifti1Image(values, None)
    image.header["pixdim"][1:4] = spacing
    image.header.set_xyzt_units(unit if unit != "unknown" else 0)
    path.write_bytes(gzip.compress(image.to_bytes()))


def coco_folder(folder: Path) -> Path:
    mask = np.zeros((20, 30), dtype=bool)
    mask[4:10, 6:16] = True
    one = PictureObjects(
        size=(20, 30),
        boxes=np.array([[6.0, 4.0, 16.0, 10.0]]),
        classes=np.array([2]),
        scores=np.zeros(0),
        masks=(mask,),
    )
    none = PictureObjects(size=(20, 30), boxes=np.zeros((0, 4)), classes=np.zeros(0, int), scores=np.zeros(0))
    for name in ("a_1.png", "b_1.png"):
        write_png(folder / "images" / name, np.zeros((20, 30)))
    extra = [{"patient": "x", "split": "test"}, {"patient": "y"}]
    document = coco_document(["a_1.png", "b_1.png"], [one, none], ["E", "A"], extra)
    (folder / "annotations.json").write_text(json.dumps(document))
    return folder


def test_a_coco_file_comes_back_as_it_was_written(tmp_path):
    loaded = load_training_set(DataConfig(kind="coco", path=""), coco_folder(tmp_path))
    first, second = loaded.samples.samples
    assert loaded.samples.classes == ("E", "A")
    assert (first.group, first.split, second.group, second.split) == ("x", Split.TEST, "y", None)
    assert first.target.boxes.tolist() == [[6, 4, 16, 10]]
    assert first.target.classes.tolist() == [2]
    assert int(first.target.masks[0].sum()) == 60
    assert len(second.target.boxes) == 0


def test_polygons_are_filled(tmp_path):
    folder = coco_folder(tmp_path)
    document = json.loads((folder / "annotations.json").read_text())
    document["annotations"][0]["segmentation"] = [[6, 4, 16, 4, 16, 10, 6, 10]]
    (folder / "annotations.json").write_text(json.dumps(document))
    sample = load_training_set(DataConfig(kind="coco", path=""), folder).samples.samples[0]
    assert int(sample.target.masks[0].sum()) == pytest.approx(60, abs=20)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bbox": [6, 4, 0, 6]}, "no width"),
        ({"bbox": [6, 4, 90, 6]}, "outside"),
        ({"bbox": [6, 4, 9]}, "four numbers"),
        ({"category_id": 9}, "category_id that is none of 1, 2"),
        ({"segmentation": {"size": [20, 30], "counts": "!"}}, "segmentation"),
    ],
)
def test_bad_annotations_are_listed(tmp_path, change, words):
    folder = coco_folder(tmp_path)
    document = json.loads((folder / "annotations.json").read_text())
    document["annotations"][0] |= change
    (folder / "annotations.json").write_text(json.dumps(document))
    loaded = load_training_set(DataConfig(kind="coco", path=""), folder)
    assert [one.reason for one in loaded.problems] == [Reason.BAD_TARGET]
    assert words in loaded.problems[0].message


def test_annotations_of_no_picture_are_listed(tmp_path):
    folder = coco_folder(tmp_path)
    document = json.loads((folder / "annotations.json").read_text())
    document["annotations"][0]["image_id"] = 99
    (folder / "annotations.json").write_text(json.dumps(document))
    loaded = load_training_set(DataConfig(kind="coco", path=""), folder)
    assert [(one.name, one.reason) for one in loaded.problems] == [("image_id 99", Reason.BAD_ROW)]


@pytest.mark.parametrize(
    "change", [{"images": [1]}, {"images": [{"id": 1}]}, {"categories": [{"id": 1}]}, {"annotations": {}}]
)
def test_a_file_that_is_no_coco_file_is_told(tmp_path, change):
    folder = coco_folder(tmp_path)
    document = json.loads((folder / "annotations.json").read_text()) | change
    (folder / "annotations.json").write_text(json.dumps(document))
    with pytest.raises(UsageError, match="is no COCO file"):
        load_training_set(DataConfig(kind="coco", path=""), folder)


def test_pictures_outside_the_folder_are_refused(tmp_path):
    folder = coco_folder(tmp_path / "set")
    write_png(tmp_path / "secret.png", np.zeros((20, 30)))
    document = json.loads((folder / "annotations.json").read_text())
    document["images"][0]["file_name"] = "../../secret.png"
    (folder / "annotations.json").write_text(json.dumps(document))
    loaded = load_training_set(DataConfig(kind="coco", path=""), folder)
    assert "outside" in loaded.problems[0].message


def test_folders_named_by_class(tmp_path):
    for split in ("train", "test"):
        for name in ("aortic", "mitral"):
            write_png(tmp_path / split / name / f"{split}{name}_1.png", np.zeros((20, 30)))
    loaded = load_training_set(DataConfig(kind="image_folder", path=""), tmp_path)
    assert loaded.samples.classes == ("aortic", "mitral")
    assert sorted((one.target, one.split.value) for one in loaded.samples.samples) == [
        (0, "test"),
        (0, "train"),
        (1, "test"),
        (1, "train"),
    ]


def label(valve: str, disease: str, severity: str, **more: object) -> dict[str, object]:
    plain = {"severity_low": severity, "severity_high": severity, "assertion": "present", "confidence": 0.9}
    return {"valve": valve, "disease": disease, "abstained": False, **plain, **more}


def test_pictures_of_one_name_in_two_folders_are_two(tmp_path):
    """The name decides the part of the split: two of one name would fall into one part, whoever's they are."""
    for folder in ("aortic", "mitral"):
        write_png(tmp_path / folder / "p1_a.png", np.zeros((20, 30)))
    loaded = load_training_set(DataConfig(kind="image_folder", path="", group="^([a-z]+)/"), tmp_path)
    assert [(one.name, one.group) for one in loaded.samples.samples] == [
        ("aortic/p1_a", "aortic"),
        ("mitral/p1_a", "mitral"),
    ]
    plain = load_training_set(DataConfig(kind="image_folder", path=""), tmp_path)
    assert {one.group for one in plain.samples.samples} == {"p1"}


def test_volumes_of_one_name_in_two_folders_are_two(tmp_path):
    for folder in ("p1", "p2"):
        write_nifti(tmp_path / folder / "ED.nii.gz", np.ones((6, 5, 2), dtype=np.float32))
        write_nifti(tmp_path / folder / "ED_gt.nii.gz", np.zeros((6, 5, 2), dtype=np.uint8))
    loaded = load_training_set(DataConfig(**NIFTI, group="^([^/]+)/"), tmp_path)
    assert [(one.volume, one.group) for one in loaded.samples.samples] == [
        ("p1/ED", "p1"),
        ("p1/ED", "p1"),
        ("p2/ED", "p2"),
        ("p2/ED", "p2"),
    ]


def test_two_pictures_of_one_name_are_told(tmp_path):
    folder = mask_folder(tmp_path)
    write_png(folder / "images" / "p1_a.jpg", np.zeros((20, 30)))
    loaded = load_training_set(DataConfig(**MASKS), folder)
    assert [(one.reason, one.message) for one in loaded.problems] == [
        (Reason.BAD_ROW, "two pictures are called p1_a: rename one or leave it out")
    ]


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ([label("aortic", "stenosis", "severe")], "aortic_stenosis"),
        ([label("aortic", "stenosis", "severe"), label("aortic", "regurgitation", "mild")], "aortic_mixed"),
        ([label("mitral", "regurgitation", "trace")], "mitral_normal"),
        ([label("mitral", "regurgitation", "severe", assertion="negated")], "mitral_normal"),
        (
            [label("mitral", "stenosis", "mild", confidence=0.2), label("pulmonic", "stenosis", "none")],
            "pulmonic_normal",
        ),
    ],
)
def test_the_class_that_labels_say(labels, wanted):
    assert coarse_class(labels) == wanted


def test_labels_without_a_flow_have_no_class():
    with pytest.raises(ItemError, match="abstain from all .* without --abstained"):
        coarse_class([label("aortic", "stenosis", "severe", abstained=True)])
    with pytest.raises(ItemError, match="leave the picture out"):
        coarse_class([])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "zip", "path": ""}, "mask_folder"),
        ({"kind": "nifti", "path": ""}, "data.labels"),
        ({"kind": "nifti", "path": "", "labels": {"LV": 0}}, "background"),
        ({"kind": "nifti", "path": "", "labels": {"LV": 1, "LA": 1}}, "value of its own"),
        ({"kind": "coco", "path": "", "spacing_mm": (0.3,)}, "height and width"),
        ({"kind": "coco", "path": "", "spacing_mm": (0.3, 0.0)}, "height and width"),
        ({"kind": "coco", "path": "", "group": "p[0-9]+"}, "round brackets"),
        ({"kind": "coco", "path": "", "group": "("}, "regular expression"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, words):
    with pytest.raises(ConfigurationError, match=words):
        DataConfig(**settings)


def test_folders_that_are_missing_or_empty_are_told(tmp_path):
    with pytest.raises(UsageError, match="there is no folder"):
        load_training_set(DataConfig(**MASKS), tmp_path / "none")
    with pytest.raises(UsageError, match="no picture"):
        load_training_set(DataConfig(**MASKS), tmp_path)
    with pytest.raises(UsageError, match="annotations"):
        load_training_set(DataConfig(kind="coco", path=""), tmp_path)
    with pytest.raises(UsageError, match="export --format hf"):
        load_training_set(DataConfig(kind="image_folder", path=""), tmp_path)
