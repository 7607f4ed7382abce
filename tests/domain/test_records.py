from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echomine.domain.config import config_from
from echomine.domain.errors import ConfigurationError, ItemError, Reason, UsageError
from echomine.domain.records import Calibration, Span


def test_velocity_of_a_row_keeps_the_sign_of_the_scale():
    upright = Calibration(mps_per_px=0.02, baseline_y=100.0, s_per_px=0.005)
    inverted = Calibration(mps_per_px=-0.02, baseline_y=100.0, s_per_px=0.005)
    assert upright.velocity_mps(50) == pytest.approx(1.0)
    assert inverted.velocity_mps(50) == pytest.approx(-1.0)


@given(st.floats(0.001, 0.1), st.sampled_from([-1, 1]), st.floats(-500, 1500), st.floats(-7, 7))
def test_row_is_the_inverse_of_velocity(step, sign, baseline, velocity):
    scale = Calibration(mps_per_px=sign * step, baseline_y=baseline, s_per_px=0.01)
    assert scale.velocity_mps(scale.row(velocity)) == pytest.approx(velocity, abs=1e-9)


def test_span_cuts_its_characters_and_refuses_a_reversed_one():
    assert Span(3, 7).of("no mild MR") == "mild"
    with pytest.raises(ValueError, match="got 7..3"):
        Span(7, 3)


def test_a_configuration_names_the_unknown_and_the_known_keys():
    with pytest.raises(ConfigurationError, match="no setting stop; known are end, start"):
        config_from(Span, {"start": 0, "stop": 4})


@dataclass(frozen=True, kw_only=True)
class Settings:
    epochs: int
    rate: float = 0.5
    quiet: bool = False
    name: str = ""
    size: tuple[int, int] = (1, 1)
    weights: tuple[float, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)
    limit: int | None = None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "Settings needs epochs"),
        ({"epochs": "ten"}, "epochs of Settings is a whole number, got 'ten'"),
        ({"epochs": 2.0}, "epochs of Settings is a whole number, got 2.0"),
        ({"epochs": True}, "epochs of Settings is a whole number, got True"),
        ({"epochs": 1, "rate": float("nan")}, "rate of Settings is a number, got nan"),
        ({"epochs": 1, "quiet": "no"}, "quiet of Settings is true or false, got 'no'"),
        ({"epochs": 1, "name": 5}, "name of Settings is text, got 5"),
        ({"epochs": 1, "size": [4]}, r"size of Settings is a list of 2: a whole number, a whole number, got \[4\]"),
        ({"epochs": 1, "size": 4}, "size of Settings is a list of 2"),
        ({"epochs": 1, "weights": [1, "x"]}, "weights of Settings is a list, each a number"),
        ({"epochs": 1, "labels": {"LV": 1.5}}, "labels of Settings is a table, each value a whole number"),
        ({"epochs": 1, "limit": "x"}, "limit of Settings is a whole number or nothing, got 'x'"),
    ],
)
def test_a_setting_of_another_type_is_told_with_the_type_it_has(values, words):
    with pytest.raises(ConfigurationError, match=words):
        config_from(Settings, values)


def test_settings_of_the_right_types_are_taken():
    values = {"epochs": 3, "rate": 1, "size": [4, 5], "weights": [1, 2.5], "labels": {"LV": 1}, "limit": None}
    assert config_from(Settings, values) == Settings(
        epochs=3, rate=1, size=(4, 5), weights=(1, 2.5), labels={"LV": 1}, limit=None
    )


def test_errors_carry_their_exit_code_and_reason():
    assert UsageError("x").exit_code == 2
    assert ItemError(Reason.TRUNCATED, "x").reason == "truncated"
