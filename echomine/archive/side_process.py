"""The far side of a process that works on files beside this one: it is asked on stdin and answers on stdout.

Such a process is a module that calls :func:`run`, started as ``python -m MODULE PID``. It ends when stdin does, so that
nothing is left of it when the process that started it is killed. See :mod:`reading_pool`.
"""

import json
import os
import select
import signal
import struct
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from echomine.archive.spectral_files import ImageFile
from echomine.domain.records import Calibration, ImageRecord
from echomine.domain.vocabulary import CalibrationSource, DopplerMode

READY = b"ready\n"
_LENGTHS = struct.Struct("<II")
_PARENT_CHECK_S = 5.0


def file_document(file: ImageFile) -> dict[str, Any]:
    """What another process must know of an image to read it, as plain JSON: no identifier, no patient."""
    record = file.record
    scale = record.calibration
    return {
        "path": str(file.path),
        "sha256": record.content_sha256,
        "box": record.box,
        "mode": record.mode.value,
        "scale": scale and asdict(scale),
    }


def file_of(document: dict[str, Any]) -> ImageFile:
    """The image that :func:`file_document` told of."""
    scale = document["scale"]
    x0, y0, x1, y1 = document["box"]
    record = ImageRecord(
        image_id="",
        content_sha256=document["sha256"],
        mode=DopplerMode(document["mode"]),
        box=(x0, y0, x1, y1),
        calibration=scale and Calibration(**scale | {"source": CalibrationSource(scale["source"])}),
    )
    return ImageFile(path=Path(document["path"]), record=record)


def message(document: object, *parts: bytes) -> bytes:
    """A JSON document and bytes as one message."""
    header, payload = json.dumps(document).encode("ascii"), b"".join(parts)
    return _LENGTHS.pack(len(header), len(payload)) + header + payload


def received(stream: IO[bytes]) -> tuple[Any, bytes]:
    """The document and the bytes of the next message.

    Raises:
        EOFError: If the other process is gone.
    """
    sizes = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    header, payload = (_exactly(stream, size) for size in sizes)
    return json.loads(header), payload


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def run(answer: Callable[[Any], bytes]) -> None:
    """Answers questions on what was stdout; whatever a decoder prints goes to stderr instead.

    Args:
        answer: The document of a question to the message that answers it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who asks decides when to stop
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        _serve(answer, sys.stdin.buffer, out, int(sys.argv[1]))
    except (EOFError, BrokenPipeError):
        os._exit(0)  # without the flush of a broken pipe


def _serve(answer: Callable[[Any], bytes], questions: IO[bytes], out: IO[bytes], parent: int) -> None:
    """Answers until the questions end, or the process that asks is gone without its pipe being closed."""
    out.write(READY)
    out.flush()
    while os.getppid() == parent:
        if select.select([questions], [], [], _PARENT_CHECK_S)[0]:
            out.write(answer(received(questions)[0]))
            out.flush()
