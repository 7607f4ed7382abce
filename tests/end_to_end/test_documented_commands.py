"""Commands that README and guides name exist as they are written there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from echomine.cli import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
CODE = re.compile(r"^ {4}(.+)$|`([^`\n]+)`", re.MULTILINE)
OPTION = re.compile(r"(?<=[\s\[])--[a-z][a-z-]*")
SHARED_BY_MODULES = {"flows": ROOT / "flows" / "running.py"}


def written() -> Iterator[str]:
    """Every piece of code in the documents, what is said of it after three blanks left out."""
    for document in DOCUMENTS:
        for line, inline in CODE.findall(document.read_text(encoding="utf-8")):
            yield re.split(r"\s{3,}|\s#", line or inline)[0].strip()


COMMANDS = sorted({code for code in written() if code.startswith("echomine ")})
MODULES = sorted({code for code in written() if code.startswith("python -m ")})


@pytest.mark.parametrize("code", COMMANDS)
def test_a_command_has_the_options_that_documents_give_it(code: str) -> None:
    command, *words = typer.main.get_command(app), *code.split()[1:]
    while (commands := getattr(command, "commands", None)) and words and not words[0].startswith(("-", "[")):
        name = words.pop(0).strip(",")
        if name.isupper():
            return
        assert name in commands, f"no command {name}"
        command = commands[name]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert set(OPTION.findall(code)) <= known | {"--help"}


@pytest.mark.parametrize("code", MODULES)
def test_a_module_has_the_options_that_documents_give_it(code: str) -> None:
    name = code.split()[2]
    if name.endswith("NAME") or name.startswith("echomine"):
        return
    path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    assert path.exists(), f"no module {name}"
    sources = path.read_text(encoding="utf-8")
    shared = SHARED_BY_MODULES.get(name.split(".")[0])
    sources += shared.read_text(encoding="utf-8") if shared else ""
    for option in OPTION.findall(code):
        bare = option.removeprefix("--")
        assert f'"{option}"' in sources or f'"{bare.replace("-", "_")}"' in sources, f"{name} has no {option}"


def test_documents_name_commands_at_all() -> None:
    assert len(COMMANDS) > 30
    assert len(MODULES) > 15
