"""Progress: a bar on a terminal (stderr), plain lines elsewhere (stdout), nothing where asked for."""

from __future__ import annotations

import io
import sys

import pytest

from gis_service import progress
from gis_service.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(*, quiet: bool = False) -> None:
    with Progress("loading", 10, quiet=quiet) as bar:
        bar.step(4, "0801 switch")
        bar.step(6, "0802 switch")


def test_plain_lines_come_seldom(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    run()
    assert capsys.readouterr() == (
        "loading: 4 of 10 rows (0801 switch)\nloading: 10 of 10 rows (0802 switch)\n",
        "",
    )


def test_a_terminal_gets_a_bar_that_vanishes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    run()
    assert capsys.readouterr().out == ""
    shown = terminal.getvalue()
    assert "loading:" in shown
    assert shown.endswith("\r")  # tqdm has blanked its line and gone back to its start
    assert "\n" not in shown


def test_quiet_is_quiet_on_both(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    run(quiet=True)
    assert (capsys.readouterr().out, terminal.getvalue()) == ("", "")
