"""The first question to the demo grid, as a line to paste into a shell."""

from __future__ import annotations

import json
import shutil

# The transformer whose district has the most households of Schutterwald: 177.
QUESTION = {"out": ["trafo-10003"], "include": ["districts"]}


def first_query(engine_url: str) -> str:
    """Return a sentence and a command that asks the engine; curl where it is, else Python's own client."""
    url, question = f"{engine_url}/v1/outage-impact", json.dumps(QUESTION)
    if shutil.which("curl"):
        command = f"curl -s {url} -H 'Content-Type: application/json' -d '{question}'"
    else:
        command = f".venv/bin/python -c 'import httpx; print(httpx.post(\"{url}\", json={question}).text)'"
    return f"Who loses supply when one transformer of Schutterwald goes out:\n\n  {command}"
