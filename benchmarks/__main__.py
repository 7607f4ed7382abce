"""Runs the speed benchmarks, one after the other; accuracy has commands of its own, named in ``docs/figures.md``.

python -m benchmarks
"""

import subprocess
import sys

SPEED = ("command_line", "text_space", "paragraph_index", "label_throughput", "prefect_overhead")


def main() -> None:
    for name in SPEED:
        print(f"\n== python -m benchmarks.{name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)


if __name__ == "__main__":
    main()
