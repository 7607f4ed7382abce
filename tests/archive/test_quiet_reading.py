"""Silence while reading, and only while reading."""

import threading
import warnings

import pytest

from echomine.archive.quiet_reading import QuietReading


def test_warnings_come_back_when_the_last_reader_leaves():
    quiet = QuietReading()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        inside, leave = threading.Barrier(3), threading.Event()

        def read():
            with quiet:
                inside.wait(10)
                warnings.warn("a value of the file", stacklevel=1)
                leave.wait(10)

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        inside.wait(10)
        with quiet:
            warnings.warn("another value", stacklevel=1)
        leave.set()
        for reader in readers:
            reader.join(10)
        assert list(warnings.filters) == before
        assert seen == []
        warnings.warn("heard", stacklevel=1)
        assert [str(one.message) for one in seen] == ["heard"]


def test_an_error_inside_lets_warnings_through_again():
    quiet = QuietReading()
    before = list(warnings.filters)
    with pytest.raises(ZeroDivisionError), quiet:
        _ = 1 / 0
    assert list(warnings.filters) == before
