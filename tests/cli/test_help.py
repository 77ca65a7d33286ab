"""Help names every option, in words that a breeder knows."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

import pytest

from genialearn.generators import CATALOGUE as GENERATORS
from genialearn.predictors import CATALOGUE

INPUT = [
    "--bfile",
    "--traits",
    "--records",
    "--trait",
    "--trait-settings",
    "--covariates",
    "--fixed",
    "--weights",
    "--pedigree",
]
RUNNING = ["--seed", "--threads", "--force", "--quiet", "--debug"]
OPTIONS = {
    "demo": ["--out", "--animals", "--markers", "--architecture", *RUNNING],
    "simulate": [
        "FOLDER",
        "--preset",
        "--animals",
        "--markers",
        "--n-traits",
        "--architecture",
        "--phased",
        "--design",
        *RUNNING,
    ],
    "check": ["COHORT", *INPUT, "--debug"],
    "compare": ["COHORT", "--model", "--split", "--budget", "--out", *INPUT, *RUNNING],
    "models": ["NAME", "--debug"],
    "variance": [
        "COHORT",
        "--out",
        "--relationships",
        "--solver",
        "--no-covariances",
        "--no-reliabilities",
        "--joint",
        *INPUT,
        *RUNNING,
    ],
    "generate": [
        "COHORT",
        "--model",
        "--animals",
        "--conditions",
        "--holdout",
        "--setting",
        "--out",
        "--checkpoint",
        *INPUT,
        *RUNNING,
    ],
    "judge": ["REAL", "ARTIFICIAL", "--holdout", "--use", "--out", *RUNNING],
    "select": [
        "--out",
        "--model",
        "--preset",
        "--animals",
        "--base-animals",
        "--markers",
        "--generations",
        "--replicates",
        "--n-traits",
        "--architecture",
        "--founders",
        "--males",
        "--sires",
        "--dams",
        "--sire-generations",
        "--dam-generations",
        "--training-generations",
        "--weight",
        "--jobs",
        *RUNNING,
    ],
    "report": ["RUN", "--debug"],
}


@pytest.fixture
def help_of(genialearn: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What help says on a wide terminal, on one line."""
    monkeypatch.setenv("COLUMNS", "200")

    def text(*words: str) -> str:
        answer = genialearn(*words, "--help")

        assert (0, "") == (answer.code, answer.err)
        return " ".join(answer.out.replace("│", " ").split())

    return text


def test_that_help_names_every_command(help_of: Callable[..., str]) -> None:
    shown = help_of()

    assert [] == [command for command in OPTIONS if f" {command} " not in shown]
    assert "--version" in shown


@pytest.mark.parametrize("command", OPTIONS)
def test_that_help_names_every_option_of_a_command(command: str, help_of: Callable[..., str]) -> None:
    shown = help_of(command)

    assert [] == [option for option in OPTIONS[command] if f"{option} " not in shown]


def test_that_commands_have_no_other_options(help_of: Callable[..., str]) -> None:
    for command, expected in OPTIONS.items():
        shown = set(re.findall(r"(?<!\w)--[a-z-]+", help_of(command)))
        assert {option for option in expected if option.startswith("--")} | {"--help"} == shown


def test_that_models_lists_every_model_and_what_to_install(
    genialearn: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genialearn.experiments.plan.is_installed", lambda name: name != "network")
    answer = genialearn("models")
    lines = [line.split("\t") for line in answer.out.splitlines()]

    assert (0, ["model", "kind", "installed", "what it is"]) == (answer.code, lines[0])
    assert list(CATALOGUE) == [line[0] for line in lines[1:]]
    assert {"yes", "pip install 'genialearn[deep]'"} == {line[2] for line in lines[1:]}
    assert all(line[1] and line[3] for line in lines[1:])


@pytest.mark.parametrize("name", [*CATALOGUE, *GENERATORS])
def test_that_models_with_a_name_tells_every_setting_its_default_and_what_it_is(
    genialearn: Callable[..., object], name: str
) -> None:
    entry = CATALOGUE.get(name) or GENERATORS[name]
    answer = genialearn("models", name)
    told = dict(re.findall(r"^((?:\w+=.*?(?:, |$))+)\n    (\S.*)$", answer.out, re.MULTILINE))
    settings = dict(re.findall(r"(\w+)=(.*?)(?:, (?=\w+=)|$)", "\n".join(told), re.MULTILINE))
    known = inspect.signature(entry.load()).parameters

    assert 0 == answer.code
    assert answer.out.startswith(f"{name}: {entry.summary}\n")
    assert sorted(known) == sorted(settings)
    assert {key: str(entry.preset.get(key, known[key].default)) for key in known} == settings


def test_that_models_names_the_nearest_to_one_that_it_has_not(genialearn: Callable[..., object]) -> None:
    answer = genialearn("models", "bayers")

    assert 3 == answer.code
    assert "Did you mean bayesr?" in answer.err


def test_that_help_names_every_split_and_where_models_are_told(help_of: Callable[..., str]) -> None:
    shown = help_of("compare")

    assert "genialearn models" in shown
    assert [] == [word for word in ("forward:SHARE", "kfold:K", "kfold:KxREPEATS", "family:K") if word not in shown]
    assert "[default: kfold:5]" in shown


def test_that_no_command_is_a_call_for_help(genialearn: Callable[..., object]) -> None:
    answer = genialearn()

    assert 2 == answer.code
    assert "Usage: genialearn" in answer.out + answer.err
