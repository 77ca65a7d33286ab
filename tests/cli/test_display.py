from __future__ import annotations

import io

import pytest

from genialearn.cli import display
from genialearn.cli.display import Display


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(display, "time", clock)
    return clock


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    out, err = capsys.readouterr()

    assert "" == out
    return err.splitlines()


def test_steps_are_lines_with_the_time_that_is_left(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Display().progress() as progress:
        for done, (now, what) in enumerate([(0, "a"), (60, "b"), (7200, "c"), (30_000, "d")]):
            clock.now = now
            progress(what, done, 3)

    assert [
        "[      0 s] 0/3 a",
        "[     60 s] 1/3 b, about 2 min left",
        "[ 2 h 00 min] 2/3 c, about 1 h 00 min left".replace("[ ", "["),
        "[ 8 h 20 min] 3/3 d".replace("[ ", "["),
    ] == lines_of(capsys)


def test_a_step_that_goes_on_is_repeated_only_now_and_then(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Display().progress() as progress:
        for second in range(70):
            clock.now = second
            progress("gene drop", second, 70)

    assert [
        "[      0 s] 0/70 gene drop",
        "[     30 s] 30/70 gene drop, about 40 s left",
        "[     60 s] 60/70 gene drop, about 10 s left",
    ] == lines_of(capsys)


def test_time_is_counted_anew_when_another_stage_begins(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Display().progress() as progress:
        for now, what, done in [(0, "a", 0), (100, "a", 100), (101, "b", 0), (141, "b", 50)]:
            clock.now = now
            progress(what, done, 100)

    assert "[    2 min] 50/100 b, about 40 s left" == lines_of(capsys)[-1]


def test_quiet_says_nothing_but_results(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Display(quiet=True)
    quiet.say("a remark")
    with quiet.progress() as progress:
        progress("a step", 0, 1)
    quiet.result("a result")

    assert ("a result\n", "") == capsys.readouterr()


def test_names_that_look_like_markup_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    Display().result("trait [red]milk[/red] :cow: " + "x" * 200)

    assert "trait [red]milk[/red] :cow: " + "x" * 200 + "\n" == capsys.readouterr().out


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with Display().progress() as progress:
        progress("gblup on [fold1]", 1, 3)

    assert "gblup on [fold1]" in terminal.getvalue()
    assert "1/3" in terminal.getvalue()
