"""Labels copies of a workspace in forked children and kills them at random moments; a script of ``test_kill.py``.

Usage: ``python killed_labelling.py WORKSPACE SCRATCH KILLS SEED``. WORKSPACE has no labels of its models yet. Prints
how many children were killed at work and where the copies lie: ``undisturbed`` first, then the killed ones, each
labelled to its end.
"""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np

from echomine.archive.workspace import Workspace
from echomine.pipeline import label_archive as labelling

BATCH = 8
"""Images in a transaction and in a forward pass, so that a small archive has many moments between them."""


def start_child(workspace: Path) -> int:
    """Process id of a child that labels a workspace."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        labelling.label_archive(Workspace.open(workspace), batch_size=BATCH)
        code = 0
    finally:
        os._exit(code)


def killed(child: int, delay_s: float) -> bool:
    """Whether a child was still at work when it was killed after a time.

    Raises:
        RuntimeError: If it failed by itself.
    """
    time.sleep(delay_s)
    os.kill(child, signal.SIGKILL)
    return ended_by(child) == signal.SIGKILL


def ended_by(child: int) -> int:
    """The signal that ended a child, 0 when it ended well."""
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status)
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError("labelling failed by itself")
    return 0


def main() -> None:
    """Run the experiment."""
    source, scratch = Path(sys.argv[1]), Path(sys.argv[2])
    kills, seed = int(sys.argv[3]), int(sys.argv[4])
    labelling.FORWARD_SIZE = BATCH
    rng = np.random.default_rng(seed)
    undisturbed = shutil.copytree(source, scratch / "undisturbed")
    began = time.monotonic()
    ended_by(start_child(undisturbed))
    whole_s = time.monotonic() - began
    copies, count = [undisturbed], 0
    while count < kills:
        copy = shutil.copytree(source, scratch / f"killed-{len(copies)}")
        copies.append(copy)
        while count < kills and killed(start_child(copy), rng.uniform(0.0, 0.9 * whole_s)):
            count += 1
        ended_by(start_child(copy))
    print(json.dumps({"kills": count, "copies": [str(one) for one in copies]}))  # noqa: T201


if __name__ == "__main__":
    main()
