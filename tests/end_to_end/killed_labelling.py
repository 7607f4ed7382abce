"""Labels copies of a workspace in forked children and kills them at random moments; a script of ``test_kill.py``.

Usage: ``python killed_labelling.py WORKSPACE SCRATCH KILLS SEED``. WORKSPACE has no labels of its models yet. Prints
how many children were killed at work and where the copies lie: ``undisturbed`` first, then the killed ones, each
labelled to its end. Also how many processes that read files for a child are still there 20 s after the last one ended.
"""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
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


def readers_left(children: set[int]) -> int:
    """Processes that read files for one of the children; waits up to 20 s until there is none."""
    until = time.monotonic() + 20
    while (left := sum(map(_reads_for(children), Path("/proc").glob("[0-9]*/cmdline")))) and time.monotonic() < until:
        time.sleep(0.1)
    return left


def _reads_for(children: set[int]) -> Callable[[Path], bool]:
    def reads(command_line: Path) -> bool:
        try:
            words = command_line.read_text().split("\0")
        except OSError:
            return False
        return "echomine.archive.grid_reading" in words and any(str(child) in words for child in children)

    return reads


def main() -> None:
    """Run the experiment."""
    source, scratch = Path(sys.argv[1]), Path(sys.argv[2])
    kills, seed = int(sys.argv[3]), int(sys.argv[4])
    labelling.FORWARD_SIZE = BATCH
    rng = np.random.default_rng(seed)
    undisturbed = shutil.copytree(source, scratch / "undisturbed")
    began = time.monotonic()
    children = {start_child(undisturbed)}
    ended_by(*children)
    whole_s = time.monotonic() - began
    copies, count = [undisturbed], 0
    while count < kills:
        copy = shutil.copytree(source, scratch / f"killed-{len(copies)}")
        copies.append(copy)
        while count < kills:
            children.add(child := start_child(copy))
            if not killed(child, rng.uniform(0.0, 0.9 * whole_s)):
                break
            count += 1
        ended_by(start_child(copy))
    result = {"kills": count, "copies": [str(one) for one in copies], "readers_left": readers_left(children)}
    print(json.dumps(result))  # noqa: T201


if __name__ == "__main__":
    main()
