"""What layers out of files are called: the name of the file, unless `layers.toml` beside it says otherwise.

`prefix = "city:"` stands before every name (in a directory below: that directory's name and a colon). A
table `[Rivers]` speaks of `Rivers.shp`: its `name`, `title` (default: the name), `description`, and `id`, the
column that ids are taken from (default: the number of the row).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "layers.toml"
_KEYS = ("name", "title", "description", "id")


@dataclass(frozen=True, slots=True)
class Told:
    """What one layer is called, and the column of its ids."""

    name: str
    title: str
    description: str
    id_column: str | None


@dataclass
class Naming:
    """The names in one directory."""

    prefix: str
    file: Path
    tables: dict[str, dict[str, str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def of(self, stem: str) -> Told:
        """What the layer of a file, or of one layer in it, is called."""
        self.used.add(stem)
        said = self.tables.get(stem, {})
        name = self.prefix + said.get("name", stem)
        return Told(name, said.get("title", name), said.get("description", ""), said.get("id"))

    def unused(self) -> list[str]:
        """A sentence for each table that speaks of no file."""
        return [
            f"{self.file.parent.name}/{FILE}: [{stem}] speaks of no file here: mend its name"
            for stem in self.tables
            if stem not in self.used
        ]


def read_naming(directory: Path, prefix: str, faults: list[str]) -> Naming:
    """The naming of a directory; what is wrong with its `layers.toml` is added to `faults`."""
    file = directory / FILE
    naming = Naming(prefix, file)
    shown = f"{directory.name}/{FILE}"
    try:
        document: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return naming
    except (OSError, ValueError) as error:
        faults.append(f"{shown}: cannot be read ({' '.join(str(error).split())})")
        return naming
    for key, value in document.items():
        if key == "prefix" and isinstance(value, str):
            naming.prefix = value
        elif not isinstance(value, dict):
            faults.append(f'{shown}: {key} is not known here: use prefix = "…" or a table for a file')
        elif wrong := [one for one, text in value.items() if one not in _KEYS or not isinstance(text, str)]:
            faults.append(f"{shown}: [{key}] {', '.join(wrong)}: only {', '.join(_KEYS)}, each a text")
        else:
            naming.tables[key] = value
    return naming
