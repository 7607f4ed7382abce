import pytest

from echomine.domain.errors import ConfigurationError, UsageError
from echomine.pipeline.settings import read_settings, settings_from


def test_a_toml_file_changes_what_it_names_and_nothing_else(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text("[text_space]\nsize = 64\n[image_feature.grid]\nrows = 32\n[labeller]\nprecision = 0.9\n")
    settings, default = read_settings(path), read_settings(None)
    assert settings.text_space.size == 64
    assert settings.image_feature.grid.rows == 32
    assert settings.labeller.precision == 0.9
    assert settings.transform == default.transform
    assert settings.text_space.window == default.text_space.window


def test_an_unknown_table_or_key_lists_the_known_ones():
    with pytest.raises(ConfigurationError, match="no table texts in the settings; known are .*text_space"):
        settings_from({"texts": {}})
    with pytest.raises(ConfigurationError, match="no setting siez; known are .*size"):
        settings_from({"text_space": {"siez": 3}})


def test_a_word_that_is_none_of_a_closed_list_lists_them():
    with pytest.raises(ConfigurationError, match="kind of TextSpaceConfig is one of pv_dm, pv_dbow, .*, got 'bert'"):
        settings_from({"text_space": {"kind": "bert"}})
    assert settings_from({"text_space": {"kind": "pv_dm"}}).text_space.kind == "pv_dm"


def test_a_value_out_of_range_and_a_broken_file_are_one_sentence(tmp_path):
    with pytest.raises(ConfigurationError, match="precision"):
        settings_from({"labeller": {"precision": 1.5}})
    broken = tmp_path / "broken.toml"
    broken.write_text("[text_space\n")
    with pytest.raises(UsageError, match="cannot be read as TOML"):
        read_settings(broken)
    with pytest.raises(UsageError, match="cannot be read as TOML"):
        read_settings(tmp_path / "missing.toml")
