"""The table of tests/it/authority.md: what each kind of caller is answered."""

import os
from pathlib import Path



def column(name: str) -> dict[str, set[str]]:
    """For each operation every cell of this column, such as `200` or `403 scope_required`."""
    cells: dict[str, set[str]] = {}
    heads: list[str] = []
    for line in Path(os.environ["ASTRAL_AUTHORITY"]).read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            heads = []
            continue
        row = [cell.strip() for cell in line.strip("|").split("|")]
        if not heads:
            heads = row
        elif name in heads and not row[0].startswith("-"):
            cell = row[heads.index(name)]
            cells.setdefault(row[0].split(" (")[0], set()).update({cell} - {"–"})
    if not cells:
        raise LookupError(f"tests/it/authority.md has no column {name}")
    return cells
