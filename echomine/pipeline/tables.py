"""Small tables of text: shown in the terminal, in Markdown and on the HTML page alike."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """A table ready to show.

    Attributes:
        title: What it holds.
        headers: One word or two a column.
        rows: Cells as text, as many as headers.
        note: What the reader must know, or ``""``.
    """

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.headers):
                raise ValueError(f"{self.title}: a row has {len(row)} cells for {len(self.headers)} headers")

    def markdown(self) -> str:
        """The table in Markdown, title and note included."""
        lines = [f"### {self.title}", "", _line(self.headers), _line(("---",) * len(self.headers))]
        lines += [_line(row) for row in self.rows]
        return "\n".join([*lines, "", self.note, ""] if self.note else [*lines, ""])

    def document(self) -> dict[str, Any]:
        """The table as plain JSON values."""
        return {"title": self.title, "headers": list(self.headers), "rows": [list(row) for row in self.rows]}


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
