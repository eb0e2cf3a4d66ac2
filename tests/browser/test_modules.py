"""The map's own checks: its types, its unit tests, and what its lock file names."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.browser.conftest import WEB


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["node_modules/typescript/bin/tsc", "--noEmit"], id="types"),
        pytest.param(["node_modules/vitest/vitest.mjs", "run"], id="unit tests"),
    ],
)
def test_the_source_of_the_map_is_sound(node: str, command: list[str]) -> None:
    done = subprocess.run([node, *command], cwd=WEB, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_lock_file_pins_everything_and_names_no_registry() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    packages = {path: one for path, one in lock["packages"].items() if path}
    assert packages
    for path, one in packages.items():
        assert one["integrity"].startswith("sha512-"), path
        assert "resolved" not in one, path
    asked = json.loads((WEB / "package.json").read_text())
    for group in ("dependencies", "devDependencies"):
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in asked[group].values())
