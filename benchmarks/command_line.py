"""How long ``echomine --help`` takes, beside a bare interpreter.

python -m benchmarks.command_line
"""

import statistics
import subprocess
import sys
import time

RUNS = 9


def seconds(*arguments: str) -> float:
    """Median wall time of a command over ``RUNS`` runs, after one that is not counted."""
    times = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main() -> None:
    bare, helped = seconds("-c", "pass"), seconds("-m", "echomine", "--help")
    print(f"bare interpreter {bare:.3f} s, echomine --help {helped:.3f} s (limit 0.5 s), ratio {helped / bare:.1f}")


if __name__ == "__main__":
    main()
