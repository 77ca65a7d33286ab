"""Words and numbers that can't be used, alone or with this cohort."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from damage import Damage, edit_fields, remove

ANYTHING_PARSED = "forward:0.2, kfold:5, kfold:5x3 or family:5"

SETTINGS: dict[tuple[str, ...], str] = {
    ("--model", "hybird"): "model: expected a known name, found 'hybird'. Did you mean hybrid?",
    ("--trait", "mlik"): "herd/traits.tsv: expected a column mlik, found none. Did you mean milk?",
    ("--fixed", "hred"): "fixed effects 'hred': expected a column hred among the covariates or in the trait table, "
    "found none. Did you mean herd?",
    ("--fixed", "log(herd)"): "fixed effects 'log(herd)': expected a formula such as C(herd_year) + age, found "
    "Unable to evaluate factor `log(herd)`. [TypeError: loop of ufunc does not support argument 0 of type str "
    "which has no callable log method].",
    ("--seed", "-1"): "seed: expected a whole number of at least 0, found -1.",
    ("--threads", "-1"): "threads: expected a whole number of at least 0, found -1.",
    ("--split", "kfld"): "split: expected a known name, found 'kfld'. Did you mean kfold?",
    ("--split", "kfold:x"): f"split 'kfold:x': expected {ANYTHING_PARSED}, found 'x'.",
    ("--split", "kfold:2x"): f"split 'kfold:2x': expected {ANYTHING_PARSED}, found '2x'.",
    ("--split", "kfold:1"): "split folds: expected a whole number of at least 2, found 1.",
    ("--split", "kfold:5x0"): "split repeats: expected a whole number of at least 1, found 0.",
    ("--split", "forward:1.5"): "split fraction: expected a number between 0 and 1, found 1.5.",
    ("--split", "forward:nan"): "split fraction: expected a number between 0 and 1, found nan.",
    ("--split", "kfold:121"): "split kfold:121: expected at least 121 animals, found 120. Use fewer folds.",
    ("--split", "family:9"): "split family:9: expected at least 9 sire groups, found 8. Use fewer folds.",
}


@pytest.mark.parametrize("words", SETTINGS, ids=" ".join)
def test_that_unusable_settings_are_refused(words: tuple[str, ...], herd: Path, refused: Callable[..., str]) -> None:
    assert SETTINGS[words] == refused("compare", "herd", *words)


UNSPLITTABLE: dict[str, tuple[Damage, str, str]] = {
    "no pedigree to look forward": (
        remove("pedigree.tsv"),
        "forward",
        "split forward: expected birth years, found none. "
        "Give a pedigree with the column birth_year, or use --split kfold.",
    ),
    "no birth years": (
        edit_fields("pedigree.tsv", 3, lambda field: "0"),
        "forward",
        "split forward: expected birth years, found none. "
        "Give a pedigree with the column birth_year, or use --split kfold.",
    ),
    "one birth year": (
        edit_fields("pedigree.tsv", 3, lambda field: "2005"),
        "forward",
        "split forward: expected animals of at least two birth years, "
        "found only 2005: no training animals would be left. Use --split kfold.",
    ),
    "no sires": (
        edit_fields("pedigree.tsv", 1, lambda field: "0"),
        "family",
        "split family: expected known sires, found none. Give a pedigree with the column sire, or use --split kfold.",
    ),
    "a trait that only the young have": (
        edit_fields("traits.tsv", 3, lambda field: "", rows=slice(100)),
        "forward",
        "split forward: trait health: expected at least 5 records of training animals, found 0. "
        "Leave the trait out with --trait, or use another --split.",
    ),
}


@pytest.mark.parametrize("case", UNSPLITTABLE)
def test_that_a_split_which_the_cohort_does_not_allow_is_refused(
    case: str, herd: Path, refused: Callable[..., str]
) -> None:
    spoil, split, message = UNSPLITTABLE[case]
    spoil(herd)

    assert message == refused("compare", "herd", "--split", split)


def test_that_a_cohort_must_be_named(refused: Callable[..., str]) -> None:
    message = (
        "input: expected a cohort folder, or --bfile and --traits, found neither. "
        "See --help for what a cohort folder holds."
    )
    assert message == refused("compare")


def test_that_a_cohort_folder_must_exist(refused: Callable[..., str]) -> None:
    message = (
        "heard: expected a cohort folder, found nothing. "
        "Name a folder with genotypes.bed and traits.tsv, or use --bfile and --traits."
    )
    assert message == refused("check", "heard")


SIMULATIONS: dict[tuple[str, ...], str] = {
    ("--animals", "5"): "animals: expected a whole number of at least 20, found 5.",
    ("--markers", "3"): "markers: expected a whole number of at least 29, found 3. "
    "There would be fewer markers than chromosomes.",
    ("--threads", "-1"): "threads: expected a whole number of at least 0, found -1.",
    ("--architecture", "addditive"): "architecture: expected a known name, found 'addditive'. Did you mean additive?",
}


@pytest.mark.parametrize("command", [("simulate", "herd"), ("demo",)], ids=" ".join)
@pytest.mark.parametrize("words", SIMULATIONS, ids=" ".join)
def test_that_a_herd_which_cannot_be_is_refused(
    words: tuple[str, ...], command: tuple[str, ...], refused: Callable[..., str]
) -> None:
    assert SIMULATIONS[words] == refused(*command, *words)


DESIGNS: dict[str, tuple[str, str]] = {
    "unknown key": (
        "[traits.milk_yield]\nheritabilty = 0.3",
        "design.toml: [traits.milk_yield]: expected a known key, found heritabilty. Did you mean heritability?",
    ),
    "impossible correlations": (
        '[traits]\nonly = ["height", "ketosis", "stillbirth"]\n[genetic_correlations]\n"height ketosis" = 0.9\n'
        '"height stillbirth" = 0.9\n"ketosis stillbirth" = -0.9',
        "design.toml: [genetic_correlations]: expected correlations that traits can have together (a positive definite "
        "matrix), found a matrix whose least eigenvalue is -0.800. The nearest possible ones (Higham 2002) differ by "
        "at most 0.400: height ketosis 0.9 -> 0.5, height stillbirth 0.9 -> 0.5, ketosis stillbirth -0.9 -> -0.5. Take "
        "them with nearest = true in this table, or list other ones; pairs that aren't listed are as usual, or 0.",
    ),
    "a binary trait without prevalence": (
        '[traits.lameness]\nheritability = 0.1\nkind = "binary"',
        "design.toml: [traits.lameness]: expected the key prevalence, found none. A binary trait has a prevalence, the "
        "share of its records that are 1.",
    ),
    "more cows recorded than there are": (
        "[recordings]\nclaws = 1.2",
        "design.toml: [recordings] claws: expected a number from 0.001 to 1, found 1.2.",
    ),
    "not TOML": (
        "traits: all",
        "design.toml: expected TOML, found expected '=' after a key in a key/value pair (at line 1, column 7). "
        "docs/simulation.md shows a whole design.",
    ),
}


@pytest.mark.parametrize("case", DESIGNS)
def test_that_a_design_which_cannot_be_is_refused(case: str, tmp_path: Path, refused: Callable[..., str]) -> None:
    text, message = DESIGNS[case]
    (tmp_path / "design.toml").write_text(text)

    assert message == refused("simulate", "herd", "--design", "design.toml")


def test_that_a_design_must_exist(refused: Callable[..., str]) -> None:
    message = "design.toml: no such file or directory. Check the name and the folder."
    assert message == refused("simulate", "herd", "--design", "design.toml")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("compare", "herd", "--nope"), "No such option: --nope"),
        (("frobnicate",), "No such command 'frobnicate'"),
        (("check", "herd", "another"), "Got unexpected extra argument"),
        (("compare", "herd", "--seed", "one"), "Invalid value for '--seed'"),
        (("compare", "herd", "--model"), "Option '--model' requires an argument"),
    ],
)
def test_that_unknown_options_end_with_two(
    words: tuple[str, ...], complaint: str, genialearn: Callable[..., object]
) -> None:
    answer = genialearn(*words)

    assert (2, "") == (answer.code, answer.out)
    assert complaint in " ".join(answer.err.split())
