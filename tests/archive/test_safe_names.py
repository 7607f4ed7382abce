"""Names from outside, made safe."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from echomine.archive.safe_names import content_id, is_uid, item_name, path_of, safe_uid, stored_path


@given(st.text(max_size=200))
def test_a_safe_uid_is_always_a_plain_name(raw):
    safe = safe_uid(raw)
    assert len(safe) <= 64
    assert all(letter in "0123456789.abcdefsh-" for letter in safe)
    assert ".." not in safe
    assert safe_uid(safe) == safe


def test_uids():
    assert safe_uid("1.2.840.10008") == "1.2.840.10008"
    assert safe_uid(" 1.2\0") == "1.2"
    assert safe_uid("") == safe_uid(" ") == ""
    assert safe_uid("../x") != safe_uid("../y")
    assert safe_uid("1" * 64) == "1" * 64
    assert safe_uid("1" * 65).startswith("sha256-")
    assert is_uid("1.2")
    assert not is_uid("12")
    assert not is_uid("report.1")


@given(st.binary(min_size=1, max_size=60).filter(lambda raw: b"\0" not in raw and raw not in (b".", b"..")))
def test_any_file_name_survives_and_prints(raw):
    path = Path(os.fsdecode(raw))
    stored = stored_path(path)
    assert stored.isascii()
    assert stored.isprintable()
    assert path_of(stored) == path


def test_plain_names_stay_readable():
    assert stored_path(Path("a b/IMG_01-x.dcm")) == "a b/IMG_01-x.dcm"
    assert stored_path(Path("a\x1b[31m\n.dcm")) == "a%1B[31m%0A.dcm"


def test_identifiers_say_nothing():
    assert item_name("DOE_JANE.dcm").startswith("file-")
    assert "DOE" not in item_name("DOE_JANE.dcm")
    assert content_id("ab" * 32) == f"sha256-{'ab' * 16}"
