"""The first question to the demo grid, as a line to paste into a shell."""

from __future__ import annotations

import json
import shutil

from demo.grid import DemoGrid


def first_query(engine_url: str, grid: DemoGrid) -> str:
    """Return a sentence and a command that asks the engine; curl where it is, else Python's own client."""
    url, question = f"{engine_url}/v1/outage-impact", json.dumps(grid.question)
    if shutil.which("curl"):
        command = f"curl -s {url} -H 'Content-Type: application/json' -d '{question}'"
    else:
        command = (
            f".venv/bin/python -c 'import httpx; print(httpx.post(\"{url}\", json={grid.question}).text)'"
        )
    return f"{grid.asks}:\n\n  {command}"
