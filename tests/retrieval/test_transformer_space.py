import shutil

import numpy as np
import pytest

from echomine.domain.errors import ArtifactError, ConfigurationError
from echomine.retrieval.text_space import TextSpaceConfig, TextSpaceKind
from echomine.retrieval.text_spaces import learn_text_space, text_space_from_files

pytestmark = pytest.mark.slow  # transformers alone takes seconds to import


def write_encoder(folder, *, seed):
    """A BERT of two small layers with random weights, as transformers saves it."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz", "mild", "severe"]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder, safe_serialization=True)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder") / "tiny"
    write_encoder(folder, seed=0)
    return folder


def config_of(folder):
    return TextSpaceConfig(kind=TextSpaceKind.TRANSFORMER, model=str(folder), max_tokens=64)


def test_an_encoder_from_a_folder_gives_repeatable_unit_vectors(encoder, corpus):
    space = learn_text_space(corpus[:12], config_of(encoder))
    assert space.trained.vectors.shape == (12, 16)
    np.testing.assert_allclose(np.linalg.norm(space.trained.vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(space.infer(corpus[:12]), space.trained.vectors)
    again = text_space_from_files(space.to_files())
    np.testing.assert_array_equal(again.infer(corpus[:12][::-1])[::-1], space.trained.vectors)
    assert space.nearest_words("mild") == ()


def test_another_encoder_in_the_folder_is_refused(encoder, corpus, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(encoder, folder)
    files = learn_text_space(corpus[:3], config_of(folder)).to_files()
    shutil.rmtree(folder)
    write_encoder(folder, seed=1)
    with pytest.raises(ArtifactError, match="not the one"):
        text_space_from_files(files)


def test_a_missing_encoder_is_one_sentence(corpus, tmp_path):
    with pytest.raises(ConfigurationError, match="no transformers encoder"):
        learn_text_space(corpus[:3], config_of(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match="needs model"):
        learn_text_space(corpus[:3], TextSpaceConfig(kind=TextSpaceKind.TRANSFORMER))
