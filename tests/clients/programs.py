"""Programs of this machine that are clients; a test of one that is not here is skipped, and says so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

WITHIN_S = 120


def run_gdal(program: str, *arguments: str, folder: Path) -> str:
    """What a GDAL program prints when it does what it is told, in a directory; its warnings are faults."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"GDAL IS NOT TESTED: no {program} here; install it (apt-get install gdal-bin)")
    # without wheels' GDAL data, which is of another version, and with no cache between tests
    left_out = ("GDAL_DATA", "PROJ_DATA", "PROJ_LIB", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    environment |= {"GDAL_DEFAULT_WMS_CACHE_PATH": str(folder / "cache"), "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [found, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=WITHIN_S
    )
    told = [line for line in done.stderr.splitlines() if line.startswith(("ERROR", "Warning"))]
    assert done.returncode == 0, done.stderr
    assert not told, told
    return done.stdout


def run_qgis(script: Path, *arguments: str, folder: Path) -> str:
    """What a script prints that imports `qgis`, run by the interpreter that Debian's python3-qgis is for."""
    python = "/usr/bin/python3"
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "QT_QPA_PLATFORM": "offscreen",
        "NO_PROXY": "127.0.0.1",
    }
    probe = [python, "-c", "import qgis.core"]
    if not Path(python).exists() or subprocess.run(probe, env=environment, capture_output=True).returncode:
        pytest.skip("QGIS IS NOT TESTED: no PyQGIS here; install it (apt-get install python3-qgis)")
    done = subprocess.run(
        [python, str(script), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def run_browser(script: Path, asked: Mapping[str, Any], folder: Path) -> Any:
    """What a script for Node.js tells that drives Chromium, given one JSON document, in another."""
    node = shutil.which("node", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    modules = Path(__file__).resolve().parents[2] / "api" / "web" / "node_modules"
    if node is None or not (modules / "ol").exists():
        pytest.skip("WEB MAPS ARE NOT TESTED: their packages are not here; run 'npm ci' in api/web")
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    chromium = next((found for name in names if name and (found := shutil.which(name))), None)
    if chromium is None:
        pytest.skip("WEB MAPS ARE NOT TESTED: no Chromium here; install it (apt-get install chromium)")
    told = json.dumps({"chromium": chromium, "modules": str(modules), **asked})
    done = subprocess.run(
        [node, str(script), told], cwd=folder, capture_output=True, text=True, timeout=WITHIN_S
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
