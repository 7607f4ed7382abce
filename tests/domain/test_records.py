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


def test_errors_carry_their_exit_code_and_reason():
    assert UsageError("x").exit_code == 2
    assert ItemError(Reason.TRUNCATED, "x").reason == "truncated"
