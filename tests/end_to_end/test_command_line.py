"""Every command of the contract on a mined workspace: exit codes, one JSON document, errors of one sentence."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from echomine.cli import app, main

SAMPLES = Path(__file__).parents[2] / "data_samples"
HEAVY = (
    "torch",
    "torchvision",
    "gensim",
    "faiss",
    "pandas",
    "sklearn",
    "pydicom",
    "prefect",
    "lightning",
    "rich.console",
)


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


@pytest.fixture
def echomine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs ``echomine ARGUMENTS`` in this process."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("ECHOMINE_DEBUG", "")

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr("sys.argv", ["echomine", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return Ended(int(left.value.code or 0), said.out, said.err)

    return run


def an_image(mined: Any) -> Path:
    return min(mined.archive.glob("images/*/*.dcm"))


def is_one_sentence(ended: Ended) -> bool:
    return ended.out == "" and ended.err.startswith("echomine: ") and ended.err.count("\n") == 1


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    script = f"""
import sys
from echomine.cli import app
sys.argv = ["echomine", "--help"]
try:
    app()
finally:
    sys.stderr.write(",".join(name for name in {HEAVY!r} if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("demo", "ingest", "learn", "label", "query", "export", "evaluate", "findings", "doctor"):
        assert f" {command} " in done.stdout


def commands_of(group: Any, *before: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command by its name, those of groups included."""
    for name, command in group.commands.items():
        yield (*before, name), command
        if hasattr(command, "commands"):
            yield from commands_of(command, *before, name)


def test_every_command_takes_a_workspace() -> None:
    commands = dict(commands_of(typer.main.get_command(app)))
    assert len(commands) > 20
    lacking = {
        name
        for name, command in commands.items()
        if not any("--workspace" in parameter.opts for parameter in command.params)
    }
    assert lacking == {("cardiac",)}, "a group that does nothing by itself"


def test_options_before_the_command_of_a_group_are_not_lost(echomine: Callable[..., Ended]) -> None:
    ended = echomine("models", "--workspace", "w", "describe", "resnet18")
    assert (ended.code, is_one_sentence(ended)) == (2, True), ended.err


def test_the_version(echomine: Callable[..., Ended]) -> None:
    assert echomine("--version").out.startswith("echomine 0.")


def test_ingest_of_the_same_source_changes_nothing(echomine: Callable[..., Ended], mined_copy: Any) -> None:
    ended = echomine("ingest", mined_copy.archive, "--workspace", mined_copy.workspace, "--json")
    assert ended.code == 0
    counts = ended.document["counts"]
    assert (counts["images_added"], counts["images_known"], counts["reports_added"]) == (0, 80, 0)


def test_ingest_of_a_bad_file_ends_with_one_and_lists_it(echomine: Callable[..., Ended], tmp_path: Path) -> None:
    ended = echomine("ingest", SAMPLES, "--workspace", tmp_path / "w", "--json")
    assert ended.code == 1
    assert ended.document["counts"]["quarantined"] == 1
    assert any("truncated" in json.dumps(one) for one in ended.document["problems"])
    shown = echomine("ingest", SAMPLES, "--workspace", tmp_path / "w2")
    assert shown.code == 1
    assert "truncated" in shown.out


def test_learn_writes_new_generations(echomine: Callable[..., Ended], mined_copy: Any) -> None:
    ended = echomine(
        "learn", "--workspace", mined_copy.workspace, "--config", mined_copy.settings, "--seed", "1", "--json"
    )
    assert ended.code == 0, ended.err
    assert set(ended.document) == {"text_space", "image_feature", "transform", "index", "labeller"}
    labelled = echomine("label", "--workspace", mined_copy.workspace, "--json")
    assert labelled.document["model"] == ended.document["labeller"]["generation"]
    assert sum(labelled.document["counts"].values()) == 80


def test_label_takes_what_is_new_and_all_of_it_when_told(echomine: Callable[..., Ended], mined_copy: Any) -> None:
    nothing = echomine("label", "--workspace", mined_copy.workspace, "--json")
    assert (nothing.code, nothing.document["counts"]) == (0, {})
    everything = echomine("label", "--all", "--workspace", mined_copy.workspace, "--json")
    assert everything.code == 0
    assert sum(everything.document["counts"].values()) == 80


def test_label_with_a_missing_source_ends_with_one(
    echomine: Callable[..., Ended], mined_workspace: Any, tmp_path: Path
) -> None:
    source, workspace = tmp_path / "source", tmp_path / "w"
    source.mkdir()
    for number, image in enumerate(sorted(mined_workspace.archive.glob("images/*/*.dcm"))[:3]):
        (source / f"{number}.dcm").write_bytes(image.read_bytes())
    (workspace).mkdir()
    assert echomine("ingest", source, "--workspace", workspace).code == 0
    _borrow_models(mined_workspace.workspace, workspace)
    (source / "1.dcm").unlink()
    ended = echomine("label", "--workspace", workspace, "--json")
    assert ended.code == 1
    assert [one["reason"] for one in ended.document["problems"]] == ["source_missing"]
    assert ended.document["counts"]["quarantined"] == 1
    assert sum(ended.document["counts"].values()) == 3


def _borrow_models(lender: Path, borrower: Path) -> None:
    import shutil

    shutil.rmtree(borrower / "artifacts")
    shutil.copytree(lender / "artifacts", borrower / "artifacts")


def test_query_leaves_out_its_own_patient_and_writes_a_picture(
    echomine: Callable[..., Ended], mined_workspace: Any, tmp_path: Path
) -> None:
    picture = tmp_path / "sheet.png"
    image = an_image(mined_workspace)
    ended = echomine(
        "query", image, "--k", "5", "--picture", picture, "--workspace", mined_workspace.workspace, "--json"
    )
    assert ended.code == 0, ended.err
    assert isinstance(ended.document, dict)
    assert picture.read_bytes().startswith(b"\x89PNG")
    shown = echomine("query", image, "--valve", "mitral", "--workspace", mined_workspace.workspace)
    assert shown.code == 0
    assert "Nearest paragraphs" in shown.out


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "hf"])
def test_export_in_every_form(form: str, echomine: Callable[..., Ended], mined_workspace: Any, tmp_path: Path) -> None:
    out = tmp_path / f"labels.{form}"
    ended = echomine(
        "export", "--format", form, "--out", out, "--workspace", mined_workspace.workspace, "--abstained",
        "--json",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert ended.document["counts"]["labels"] > 0
    assert out.exists()
    card = Path(ended.document["card"]).read_text(encoding="utf-8")
    assert re.search(r"\| abstention, present lesions \| (abstains below|keeps none)", card)
    again = echomine("export", "--format", form, "--out", out, "--workspace", mined_workspace.workspace)
    assert again.code == 2
    assert is_one_sentence(again)


def test_rows_of_the_jsonl_export_have_the_fields_of_the_contract(
    echomine: Callable[..., Ended], mined_workspace: Any, tmp_path: Path
) -> None:
    out = tmp_path / "labels.jsonl"
    assert echomine("export", "--format", "jsonl", "--out", out, "--workspace", mined_workspace.workspace).code == 0
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    wanted = {
        "sop_uid", "study_uid", "patient", "source", "valve", "disease", "severity_low", "severity_high", "assertion",
        "confidence", "abstained", "evidence", "run", "split",
    }  # fmt: skip
    assert wanted <= set(rows[0])
    by_patient: dict[str, set[str]] = {}
    for row in rows:
        by_patient.setdefault(row["patient"], set()).add(row["split"])
    assert all(len(splits) == 1 for splits in by_patient.values())


def test_evaluate_against_the_truth(echomine: Callable[..., Ended], mined_workspace: Any, tmp_path: Path) -> None:
    ended = echomine(
        "evaluate", "--truth", mined_workspace.archive / "truth.csv", "--workspace", mined_workspace.workspace,
        "--config", mined_workspace.settings, "--out", tmp_path / "evaluation", "--json",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert ended.document["protocol"] == "held-out"
    assert list((tmp_path / "evaluation").glob("*.md"))


@pytest.mark.slow
def test_evaluate_by_the_lecture_protocol(echomine: Callable[..., Ended], mined_workspace: Any) -> None:
    ended = echomine(
        "evaluate", "--protocol", "lecture", "--seeds", "2", "--truth", mined_workspace.archive / "truth.csv",
        "--config", mined_workspace.settings, "--workspace", mined_workspace.workspace, "--json",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert ended.document["protocol"] == "lecture"
    assert len(ended.document["per_seed"]) == 2


def test_findings_of_a_report_file(echomine: Callable[..., Ended], tmp_path: Path) -> None:
    reports, out = tmp_path / "reports.jsonl", tmp_path / "findings.jsonl"
    reports.write_text('{"id": "a", "text": "Moderate mitral regurgitation. No aortic stenosis."}\n', encoding="utf-8")
    assert echomine("findings", reports, "--out", out, "--workspace", tmp_path / "none").code == 0
    document = json.loads(out.read_text(encoding="utf-8"))
    assert document["id"] == "a"
    read = {(one["valve"], one["disease"], one["severity_low"], one["assertion"]) for one in document["findings"]}
    assert ("mitral", "regurgitation", "moderate", "present") in read
    assert any(found[:2] == ("aortic", "stenosis") and found[3] == "negated" for found in read)


def test_findings_with_a_page_and_reasons(echomine: Callable[..., Ended], tmp_path: Path) -> None:
    reports, out, page = (tmp_path / name for name in ("reports.jsonl", "findings.jsonl", "page.html"))
    reports.write_text('{"id": "a", "text": "Moderate mitral regurgitation. No aortic stenosis."}\n', encoding="utf-8")
    ended = echomine("findings", reports, "--out", out, "--html", page, "--explain", "a", "--json")
    assert ended.code == 0, ended.err
    assert (ended.document["reports"], ended.document["findings"], ended.document["shown"]) == (1, 2, 1)
    assert {one["assertion"] for one in ended.document["explained"]} == {"stated", "the cue 'No'"}
    assert page.read_text(encoding="utf-8").count("<mark class=") >= 2
    shown = echomine("findings", reports, "--explain", "a")
    assert (shown.code, "the cue 'No'" in shown.out) == (0, True)


def test_reports_without_their_patients(echomine: Callable[..., Ended], tmp_path: Path) -> None:
    reports, out = tmp_path / "reports.jsonl", tmp_path / "clean.jsonl"
    reports.write_text('{"id": "a", "patient": "4711", "text": "Mr. John Smith has MR."}\n', encoding="utf-8")
    ended = echomine("deidentify", reports, "--out", out, "--workspace", tmp_path / "w", "--json")
    assert (ended.code, ended.document["reports"], ended.document["replaced"]) == (0, 1, {"name": 1})
    assert "Smith" not in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("options", [(), ("--html", "page.html"), ("--explain", "unknown")])
def test_findings_without_a_place_to_write_is_wrong_usage(
    options: tuple[str, ...], echomine: Callable[..., Ended], tmp_path: Path
) -> None:
    (tmp_path / "r.jsonl").write_text('{"id": "a", "text": "Mild MR."}\n', encoding="utf-8")
    ended = echomine("findings", tmp_path / "r.jsonl", *options)
    assert (ended.code, is_one_sentence(ended)) == (2, True), ended.err


def test_doctor_is_content_with_a_mined_workspace(echomine: Callable[..., Ended], mined_workspace: Any) -> None:
    ended = echomine("doctor", "--workspace", mined_workspace.workspace, "--json")
    assert ended.code == 0, ended.out
    assert all(set(one) == {"name", "health", "detail", "remedy"} for one in ended.document)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("label",), 3),
        (("learn",), 3),
        (("export", "--out", "x.jsonl"), 3),
        (("evaluate",), 3),
        (("query", "none.dcm"), 3),
        (("ingest", "nowhere"), 2),
        (("learn", "--config", "none.toml"), 2),
        (("findings", "none.jsonl", "--out", "x.jsonl"), 2),
    ],
)
def test_what_is_not_there_is_one_sentence(
    arguments: tuple[str, ...], code: int, echomine: Callable[..., Ended], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = echomine(*arguments)
    assert (ended.code, is_one_sentence(ended)) == (code, True), ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("label", "--frobnicate"), "no such option: --frobnicate; see `echomine label --help`"),
        (("nonsense",), "no such command 'nonsense'; see `echomine --help`"),
        (("query",), "missing argument 'image'; see `echomine query --help`"),
        (
            ("export", "--out", "x", "--format", "xml"),
            "invalid value for '--format': 'xml' is not one of 'jsonl', 'csv', 'parquet', 'hf'; see "
            "`echomine export --help`",
        ),
        (
            ("query", "x", "--k", "0"),
            "invalid value for '--k': it should be greater than or equal to 1; see `echomine query --help`",
        ),
    ],
)
def test_wrong_usage_is_two_and_one_sentence(
    arguments: tuple[str, ...], said: str, echomine: Callable[..., Ended]
) -> None:
    assert echomine(*arguments) == Ended(2, "", f"echomine: {said}\n")


def test_a_group_without_a_command_shows_its_help(echomine: Callable[..., Ended]) -> None:
    ended = echomine("cardiac")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Usage: echomine cardiac")


def test_an_image_that_is_none_is_one_sentence(
    echomine: Callable[..., Ended], mined_workspace: Any, tmp_path: Path
) -> None:
    (tmp_path / "note.dcm").write_text("no image", encoding="utf-8")
    for image in ("note.dcm", "none.dcm"):
        ended = echomine("query", tmp_path / image, "--workspace", mined_workspace.workspace, "--json")
        assert ended.code in (2, 3)
        assert is_one_sentence(ended), ended.err


def test_nothing_learnt_is_one_sentence(echomine: Callable[..., Ended], tmp_path: Path) -> None:
    echomine("ingest", SAMPLES, "--workspace", tmp_path / "w")
    ended = echomine("label", "--workspace", tmp_path / "w")
    assert ended.code == 3
    assert is_one_sentence(ended)
    assert "echomine learn" in ended.err


def test_a_tampered_model_is_one_sentence(echomine: Callable[..., Ended], mined_copy: Any) -> None:
    weights = next(mined_copy.workspace.glob("artifacts/image_feature/*/image_feature.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    ended = echomine("label", "--workspace", mined_copy.workspace)
    assert ended.code == 3
    assert is_one_sentence(ended)
    assert "altered" in ended.err


def test_a_traceback_only_with_debug(echomine: Callable[..., Ended], tmp_path: Path, monkeypatch: Any) -> None:
    from echomine.domain.errors import WorkspaceError

    monkeypatch.setattr("sys.argv", ["echomine", "--debug", "label", "--workspace", str(tmp_path / "none")])
    with pytest.raises(WorkspaceError):
        main()


@pytest.mark.slow
def test_the_demo_from_an_empty_folder_to_the_page(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    command = [sys.executable, "-m", "echomine", "demo", "--small", "--json", "--workspace", str(workspace)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    document = json.loads(done.stdout)
    page = Path(document["report"]).read_text(encoding="utf-8")
    assert "<img" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert Path(document["export"]).is_file()
    with (workspace / "synthetic-archive" / "views.csv").open(encoding="utf-8") as views:
        assert next(csv.reader(views)) == ["sop_uid", "valve", "flow"]
