"""Size and speed of the image networks side by side, in one run on one machine; random weights.

python -m benchmarks.image_models networks [--names enet,unet] [--size 224]   parameters, GMAC, memory, images/s
python -m benchmarks.image_models segmenters                                  ENet beside U-Net and SegNet, 360 x 640
python -m benchmarks.image_models detectors [--proposals 1000]                R-CNN, Fast, Faster and Mask R-CNN

Each network runs in a process of its own, so that its peak memory is its own. Times are medians of processor time of
one thread (``--threads`` takes more), which other work on the machine hardly changes.
"""

import argparse
import gc
import io
import json
import logging
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from echomine.models.description import count_parameters, describe
from echomine.models.detection.config import Backbone, Normalisation
from echomine.models.detection.fast_rcnn import FastRcnnConfig, propose
from echomine.models.detection.faster_rcnn import DetectorConfig
from echomine.models.detection.rcnn import RcnnConfig
from echomine.models.entries import PublishedForm, Task
from echomine.models.registry import NETWORKS, create, names_of

LECTURE = (
    "alexnet", "vgg16", "vgg19", "googlenet", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
    "densenet121", "densenet161", "densenet169", "densenet201",
    "fcn32s", "fcn16s", "fcn8s", "fcn_resnet50", "segnet", "unet", "enet",
)  # fmt: skip
LEAST_SECONDS, FEWEST_RUNS, MOST_RUNS = 1.5, 2, 30
ENET_PICTURE = (360, 640)
DETECTED_PICTURE = (480, 640)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one network costs; None where it could not be measured."""

    name: str
    parameters: int
    gmac: float
    peak_mib: float
    eager: float
    bf16: float
    onnx: float | None


def median_seconds(run: Callable[[], object]) -> float:
    """Median processor time of a call after one that is not counted."""
    run()
    times: list[float] = []
    while len(times) < FEWEST_RUNS or (sum(times) < LEAST_SECONDS and len(times) < MOST_RUNS):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return statistics.median(times)


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def in_bf16() -> Iterator[None]:
    with torch.autocast("cpu", torch.bfloat16):
        yield


def cost(name: str, picture: tuple[int, int], *, in_channels: int, classes: int, batch: int) -> Cost:
    """Cost of one network in this process, which should be its own."""
    form = replace(
        NETWORKS.get(name).published, picture=picture, in_channels=in_channels, classes=classes, settings=None
    )
    gmac = describe(name, form).facts.gmac
    images = torch.rand(batch, in_channels, *picture)
    before = peak_mib()
    network = create(name, classes=classes, in_channels=in_channels).eval()
    with torch.inference_mode():
        eager = median_seconds(lambda: network(images))
        peak = peak_mib() - before
        content = onnx_bytes(network, images)
        onnx = None if content is None else onnx_seconds(content, images)
        network, fast = network.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)
        with in_bf16():
            bf16 = median_seconds(lambda: network(fast))
    return Cost(
        name=name,
        parameters=count_parameters(network),
        gmac=gmac,
        peak_mib=peak,
        eager=batch / eager,
        bf16=batch / bf16,
        onnx=None if onnx is None else batch / onnx,
    )


def onnx_bytes(network: nn.Module, images: Tensor) -> bytes | None:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    stream = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(network, (images,), dynamo=True, verbose=False)
        if program is None:
            return None
        program.save(stream)
    except Exception as error:  # noqa: BLE001  a table with a hole says more than none
        print(f"{type(network).__name__} is not exported: {error}", file=sys.stderr)
        return None
    return stream.getvalue()


def onnx_seconds(content: bytes, images: Tensor) -> float:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: images.numpy()}
    return median_seconds(lambda: session.run(None, given))


def apart(arguments: Sequence[str]) -> Any:  # noqa: ANN401
    """What this module prints as JSON in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.image_models", *arguments, "--threads", str(torch.get_num_threads())]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def show_networks(names: Sequence[str], size: tuple[int, int], batch: int) -> list[Cost]:
    costs = []
    print(f"{size[0]} x {size[1]}, batch {batch}, {torch.get_num_threads()} threads\n")
    print("| network | parameters | GMAC | peak MiB | images/s eager | channels_last + bf16 | onnxruntime |")
    print("|---|---|---|---|---|---|---|")
    for name in names:
        rows, columns = (str(side) for side in size)
        one = Cost(**apart(["one", "--name", name, "--size", rows, columns, "--batch", str(batch)]))
        costs.append(one)
        onnx = "-" if one.onnx is None else f"{one.onnx:.2f}"
        print(
            f"| {name} | {one.parameters:,} | {one.gmac:.2f} | {one.peak_mib:.0f} | {one.eager:.2f} | {one.bf16:.2f} "
            f"| {onnx} |",
            flush=True,
        )
    return costs


def show_segmenters() -> None:
    """The lecture's claim: ENet is small and quick beside SegNet and U-Net."""
    costs = {one.name: one for one in show_networks(("enet", "segnet", "unet"), ENET_PICTURE, 1)}
    small = costs["enet"]
    for other in (costs["segnet"], costs["unet"]):
        print(
            f"\nENet has 1/{other.parameters / small.parameters:.0f} of {other.name}'s parameters, "
            f"1/{other.gmac / small.gmac:.0f} of its multiplications and is {small.eager / other.eager:.1f} times "
            "as fast"
        )
    print(f"\nENet's weights: {small.parameters * 4 / 1e6:.1f} MB (paper: 0.37 M parameters; the lecture: below 6 MB)")


def show_detectors(proposals: int, images: int) -> None:
    """R-CNN, Fast, Faster and Mask R-CNN on the same pictures and backbone."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    pictures = [texture(rng) for _ in range(images)]
    shared = {"backbone": Backbone.RESNET18_FPN, "norm": Normalisation.FROZEN, "min_size": 480, "max_size": 640}
    search = FastRcnnConfig(proposals=proposals).search
    start = time.process_time()
    found = [propose(one, search) for one in pictures]
    searching = (time.process_time() - start) / images
    configs: dict[str, object] = {
        "rcnn": RcnnConfig(network="resnet18", warp=224, proposals=proposals),
        "fast_rcnn": FastRcnnConfig(**shared, proposals=proposals),
        "faster_rcnn": DetectorConfig(**shared, proposals=300),
        "mask_rcnn": DetectorConfig(**shared, proposals=300),
    }
    mean = np.mean([len(one) for one in found])
    print(f"{images} pictures of {DETECTED_PICTURE}, {mean:.0f} proposals each, ResNet-18")
    print(f"{torch.get_num_threads()} threads; selective search {searching:.2f} s a picture\n")
    print(
        "| detector | parameters | GMAC | s a picture, network | with proposals | as fast as R-CNN, network "
        "| with proposals |"
    )
    print("|---|---|---|---|---|---|---|")
    times: dict[str, float] = {}
    for name, config in configs.items():
        gmac = detector_gmac(name, config, proposals)
        network = create(name, classes=5, config=config).eval()
        own = {"faster_rcnn", "mask_rcnn"}
        times[name] = seconds_a_picture(network, pictures, {} if name in own else {"proposals": found})
        whole = {one: seconds + (0 if one in own else searching) for one, seconds in times.items()}
        print(
            f"| {name} | {count_parameters(network):,} | {gmac:,.1f} | {times[name]:.2f} | {whole[name]:.2f} "
            f"| {times['rcnn'] / times[name]:.1f} | {whole['rcnn'] / whole[name]:.1f} |",
            flush=True,
        )


def detector_gmac(name: str, config: object, proposals: int) -> float:
    """Multiplications for one grey picture; R-CNN runs its classification network on every proposal."""
    if isinstance(config, RcnnConfig):
        crop = PublishedForm(classes=5, in_channels=1, picture=(config.warp, config.warp))
        return proposals * describe(config.network, crop).facts.gmac
    form = PublishedForm(classes=5, in_channels=1, picture=DETECTED_PICTURE, settings=config)
    return describe(name, form).facts.gmac


def seconds_a_picture(network: nn.Module, pictures: Sequence[Tensor], outside: dict[str, Any]) -> float:
    times = []
    with torch.inference_mode():
        network(pictures[:1], **{key: [one[:8] for one in value[:1]] for key, value in outside.items()})
        for number, picture in enumerate(pictures):
            gc.collect()
            own = {key: value[number : number + 1] for key, value in outside.items()}
            start = time.process_time()
            network([picture], **own)
            times.append(time.process_time() - start)
    return statistics.median(times)


def texture(rng: np.random.Generator) -> Tensor:
    """A grey picture with detail at all sizes, so that there are many regions: (1, H, W)."""
    from scipy.ndimage import gaussian_filter

    layers = [gaussian_filter(rng.normal(size=DETECTED_PICTURE), sigma) * sigma for sigma in (2, 4, 8, 16, 32)]
    picture = sum(layers)
    low, high = np.percentile(picture, [1, 99])
    return torch.tensor(((picture - low) / (high - low)).clip(0, 1)[None], dtype=torch.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("networks", "segmenters", "detectors", "one"))
    parser.add_argument("--names", help="networks, with commas between; the lecture's if left out")
    parser.add_argument("--name", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, nargs=2, default=(224, 224), help="rows and columns")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--proposals", type=int, default=1000)
    parser.add_argument("--images", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    size = (given.size[0], given.size[1])
    if given.what == "one":
        segments = given.name in names_of(Task.SEGMENTATION)
        one = cost(given.name, size, in_channels=1, classes=4 if segments else 1000, batch=given.batch)
        print(json.dumps({name: getattr(one, name) for name in Cost.__slots__}))
    elif given.what == "networks":
        show_networks(tuple(given.names.split(",")) if given.names else LECTURE, size, given.batch)
    elif given.what == "segmenters":
        show_segmenters()
    else:
        show_detectors(given.proposals, given.images)


if __name__ == "__main__":
    main()
