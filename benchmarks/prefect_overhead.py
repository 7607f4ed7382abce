"""Labelling as a Prefect flow, beside plain labelling of the same images, in one process.

    python -m benchmarks.prefect_overhead                  2,000 images
    python -m benchmarks.prefect_overhead --images 300     a quick look

The temporary server starts once with the first flow; that start is measured alone and printed beside, it is no part
of the overhead. Rounds alternate; the median counts.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.label_throughput import PARAGRAPHS, forget, label_seconds, make_models, with_images

GOAL = 0.05


def flow_seconds(workspace: Path) -> float:
    """Time to label all images of a workspace by the flow."""
    from flows.label_archive import label_archive

    forget(workspace)
    began = time.perf_counter()
    label_archive(str(workspace))
    return time.perf_counter() - began


def server_seconds() -> float:
    """Time of a flow that does nothing but start the temporary server."""
    from prefect import flow

    @flow
    def nothing() -> None:
        return None

    began = time.perf_counter()
    nothing()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--paragraphs", type=int, default=PARAGRAPHS)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="echomine-bench-") as name:
        folder = Path(name)
        os.environ["PREFECT_HOME"] = str(folder / "prefect")
        import flows  # noqa: F401  quiet defaults come before Prefect

        models = make_models(folder / "models", paragraphs=options.paragraphs)
        workspace = with_images(models, folder / "speed", options.images)
        server = server_seconds()
        label_seconds(workspace)  # both ways find warm caches
        plain, flow = [], []
        for _ in range(options.rounds):
            plain.append(label_seconds(workspace))
            flow.append(flow_seconds(workspace))
        _tell(plain, flow, images=options.images, server=server)


def _tell(plain: list[float], flow: list[float], *, images: int, server: float) -> None:
    for name, seconds in (("plain", plain), ("flow", flow)):
        rounds = " ".join(f"{one:.2f}" for one in seconds)
        middle = statistics.median(seconds)
        print(f"{name:<6} {images / middle:8.1f} images/s  {middle:7.2f} s  rounds {rounds}")
    share = statistics.median(flow) / statistics.median(plain) - 1
    print(f"the flow adds {share:.1%} at {images} images (goal {GOAL:.0%}); starting the server took {server:.1f} s")


if __name__ == "__main__":
    main()
