"""``echomine models``: the table and the description of one network."""

import dataclasses
import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "echomine", "models", *arguments], capture_output=True, text=True, check=False
    )


def test_the_table_has_what_the_contract_names():
    rows = json.loads(run("--json").stdout)
    wanted = {"name", "task", "year", "parameters", "receptive_field", "stride", "source", "paper"}
    assert all(wanted <= set(row) for row in rows)
    by_name = {row["name"]: row for row in rows}
    assert by_name["vgg16"]["parameters"] == 138_357_544
    assert (by_name["unet_valid"]["receptive_field"], by_name["unet_valid"]["stride"]) == (140, 16)


def test_the_table_tells_the_whole_picture_from_what_is_not_known(monkeypatch):
    from echomine.cli import app
    from echomine.models.network_facts import read_network_facts
    from echomine.pipeline import network_table

    kept = {one.name: one for one in read_network_facts()}
    assert (kept["convnext_tiny"].receptive_field, kept["convnext_tiny"].sees) == (1688, "interval")
    assert (kept["mobilenet_v3_small"].receptive_field, kept["mobilenet_v3_small"].sees) == (None, "whole")
    rows = [
        dataclasses.replace(kept["convnext_tiny"], name="lost", receptive_field=None, stride=None, sees="unknown"),
        kept["mobilenet_v3_small"],
    ]
    monkeypatch.setattr(network_table, "network_table", lambda _: rows)
    shown = CliRunner().invoke(app, ["models"], env={"COLUMNS": "200"}).output.splitlines()
    assert [" ? " in line for line in shown if "lost" in line] == [True]
    assert [" all " in line for line in shown if "mobilenet" in line] == [True]


def test_the_table_can_be_of_one_task():
    shown = run("--task", "segmentation").stdout
    assert "fcn8s" in shown
    assert "resnet18" not in shown
    wrong = run("--task", "counting")
    assert wrong.returncode == 2
    assert wrong.stderr == (
        "echomine: no network is for 'counting', there are classification, detection, instance_segmentation, "
        "segmentation\n"
    )


def test_a_network_is_shown_layer_by_layer():
    found = json.loads(run("describe", "alexnet_2012", "--classes", "5", "--channels", "1", "--json").stdout)
    layers = {row["name"]: row for row in found["layer_rows"]}
    assert layers["features.pool5"]["output"] == [256, 6, 6]
    assert layers["features.pool5"]["receptive_field"] == [195, 195]
    assert layers["classifier.6"]["parameters"] == 4096 * 5 + 5
    assert layers["classifier.6"]["sees"] == "whole"
    shown = run("describe", "alexnet_2012").stdout
    assert "60,965,224 parameters" in shown.replace("\n", " ")
    assert "Differs from the paper" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("describe", "resnet19"), "no network is called 'resnet19'"),
        (("describe", "resnet18", "--size", "8", "8"), "takes pictures from 32 x 32 pixels on, got 8 x 8"),
    ],
)
def test_what_cannot_be_described_is_one_sentence(arguments, sentence):
    failed = run(*arguments)
    assert failed.returncode == 2
    assert sentence in failed.stderr
    assert failed.stderr.count("\n") == 1
