"""The deployments of prefect.yaml, read by Prefect's own loader."""

import io
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from prefect.cli.deploy._config import _load_deploy_configs_and_actions
from prefect.client.schemas.schedules import CronSchedule
from prefect.flows import load_flow_from_entrypoint
from rich.console import Console

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def deployments() -> list[dict[str, Any]]:
    said = io.StringIO()
    configs, actions = _load_deploy_configs_and_actions(ROOT / "prefect.yaml", console=Console(file=said))
    assert said.getvalue() == ""  # where it would complain
    assert actions["pull"]
    return configs


def test_every_deployment_has_a_name_a_schedule_and_a_pool(deployments: list[dict[str, Any]]) -> None:
    assert {one["name"] for one in deployments} == {"nightly-labels", "monthly-learning"}
    for one in deployments:
        assert one["work_pool"]["name"] == "echomine"
        assert [CronSchedule(cron=schedule["cron"]).cron for schedule in one["schedules"]]


def test_every_entrypoint_is_a_flow_that_takes_the_parameters(
    deployments: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    for one in deployments:
        flow: Flow[..., Any] = load_flow_from_entrypoint(one["entrypoint"])
        assert set(one["parameters"]) <= set(flow.parameters.properties)
