"""A trained network as ONNX: written, checked against torch, and run by onnxruntime."""

import logging
import warnings

import numpy as np
import torch
from torch import Tensor, nn

from echomine.domain.errors import ArtifactError, UsageError
from echomine.learning.image_model import ImageModel

INPUT, OUTPUT = "images", "logits"
_LARGEST_DIFFERENCE = 1e-3
_LARGEST_BATCH = 4096


def to_onnx(model: ImageModel) -> bytes:
    """The network of a model as an ONNX file for batches of any length, equal to torch.

    Raises:
        UsageError: If the network finds boxes: its answer has no fixed shape.
        ArtifactError: If torch cannot export it, or the export answers otherwise than torch.
    """
    if model.task.finds_boxes:
        raise UsageError(f"{model.config.network.name} finds boxes; ONNX is for classification and segmentation")
    example = torch.rand(2, model.config.input.network_channels, *model.config.input.size)
    network = model.network.cpu().float().eval()
    content = _exported(network, example)
    _check_equal(network, content, example)
    return content


class OnnxNetwork:
    """Inputs (N, C, H, W) -> logits, by onnxruntime on the CPU."""

    def __init__(self, content: bytes, *, threads: int = 0) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own types are not public
            raise ArtifactError(f"the ONNX file cannot be loaded ({type(error).__name__}); train again") from error

    def __call__(self, images: Tensor) -> Tensor:
        """Logits of images."""
        (logits,) = self._session.run([OUTPUT], {INPUT: images.float().contiguous().numpy()})
        return torch.from_numpy(np.asarray(logits))


def _exported(network: nn.Module, example: Tensor) -> bytes:
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                verbose=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("pictures", min=1, max=_LARGEST_BATCH)},),
            )
            assert program is not None
            content: bytes = program.model_proto.SerializeToString()
    except Exception as error:  # a dozen types, none of them public
        raise ArtifactError(f"torch cannot export the network to ONNX: {type(error).__name__}") from error
    finally:
        logger.setLevel(level)
    return content


def _check_equal(network: nn.Module, content: bytes, example: Tensor) -> None:
    run = OnnxNetwork(content, threads=1)
    for images in (example, torch.rand(3, *example.shape[1:]), example[:1]):
        with torch.inference_mode():
            wanted = network(images)
        difference = float((run(images) - wanted).abs().max()) / max(1.0, float(wanted.abs().max()))
        if not difference < _LARGEST_DIFFERENCE:
            raise ArtifactError(f"the ONNX export answers otherwise than torch, by {difference:.1e}: do not use it")
