"""A reading process that a file brings down; a module of ``test_reading_pool.py``."""

import os

from echomine.archive import grid_reading

_read = grid_reading.read_on_grid


def _read_or_die(file, grid, **options):
    if file.path.name == "poison.dcm":
        os.abort()
    print("a decoder that talks on stdout", flush=True)  # noqa: T201
    return _read(file, grid, **options)


if __name__ == "__main__":
    grid_reading.read_on_grid = _read_or_die
    grid_reading.main()
