"""Design files: what they say, what they can't say, and what becomes of it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genialearn._arrays import FloatArray
from genialearn.cohorts.simulate import (
    CATALOGUE,
    Design,
    HerdSettings,
    SimulatedHerd,
    design_of,
    read_design,
    simulate_herd,
)
from genialearn.cohorts.simulate.calling import Calling
from genialearn.cohorts.simulate.correlations import fit_factor_model
from genialearn.cohorts.simulate.nearest_correlation import is_possible, nearest_correlations
from genialearn.cohorts.simulate.plan import trait_plan
from genialearn.cohorts.simulate.trait_catalogue import RECORDED_SHARES, names_of
from genialearn.errors import FileFormatError, SettingError

IMPOSSIBLE = """
[traits]
only = ["milk_yield", "fat_yield", "height"]
[genetic_correlations]
"milk_yield fat_yield" = 0.9
"milk_yield height" = 0.9
"fat_yield height" = -0.9
"""

METHANE = "heritability = 0.2\nmean = 450\ndeviation = 80\n"


def designed(text: str) -> Design:
    return design_of(tomllib.loads(text), "design.toml")


def herd_of(text: str, **settings: object) -> SimulatedHerd:
    small = {"animals": 300, "markers": 60, "n_qtl": 60, "founders": "independent", "seed": 3, **settings}
    return simulate_herd(HerdSettings(design=designed(text), **small))  # type: ignore[arg-type]


def test_an_empty_design_is_the_catalogue() -> None:
    plain = simulate_herd(HerdSettings(animals=30, markers=40, n_traits=4, n_qtl=40, founders="independent"))
    same = herd_of("", animals=30, markers=40, n_qtl=40, seed=1, n_traits=4)

    assert plain.traits.equals(same.traits)
    assert plain.truth.genetic_values.equals(same.truth.genetic_values)
    assert "design" not in plain.truth.parameters
    assert {} == same.truth.parameters["design"]


def test_a_design_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "design.toml"
    path.write_text(f"[traits]\nonly = ['methane', 'height']\n[traits.methane]\n{METHANE}")

    design = read_design(path)

    assert ("methane", "height") == design.only
    assert 0.2 == design.traits["methane"].heritability


def test_the_design_in_the_docs_can_be_simulated() -> None:
    page = Path(__file__).parents[3] / "docs" / "simulation.md"
    [block] = re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.M | re.S)

    herd = herd_of(block, markers=500)

    assert 500 == herd.truth.parameters["n_qtl"]
    assert {"E1", "E2"} == set(herd.covariates["environment"])
    assert herd.tables.records is not None
    assert {0.0, 1.0} == set(herd.tables.records["lameness"].dropna())


def test_entries_change_single_values_of_the_catalogue() -> None:
    plan = trait_plan(
        designed("[traits.height]\nheritability = 0.4\nunit = 'm'"), n_traits=None, architecture="additive"
    )
    before = next(trait for trait in CATALOGUE if trait.name == "height")

    assert replace(before, heritability=0.4, unit="m") == next(t for t in plan.traits if t.name == "height")
    assert names_of(CATALOGUE) == plan.names


def test_new_traits_follow_those_of_the_catalogue_or_stand_where_the_list_says() -> None:
    after = trait_plan(designed(f"[traits.methane]\n{METHANE}"), n_traits=2, architecture="additive")
    listed = trait_plan(
        designed(f"[traits]\nonly = ['methane', 'height']\n[traits.methane]\n{METHANE}"),
        n_traits=None,
        architecture="realistic",
    )

    assert ["milk_yield", "fat_percent", "methane"] == after.names
    assert ["methane", "height"] == listed.names


def test_a_quantitative_trait_of_the_catalogue_can_become_binary() -> None:
    plan = trait_plan(
        designed("[traits.ketosis]\nkind = 'binary'\nprevalence = 0.2"), n_traits=None, architecture="additive"
    )
    ketosis = next(trait for trait in plan.traits if trait.name == "ketosis")

    assert (True, 0.2, 0.12, "ketosis") == (ketosis.is_binary, ketosis.mean, ketosis.heritability, ketosis.recording)


@pytest.fixture(scope="module")
def correlated() -> SimulatedHerd:
    return herd_of(
        f"""
        [traits]
        only = ["milk_yield", "fat_yield", "methane"]
        [traits.methane]
        {METHANE}
        recording = "sniffer"
        [genetic_correlations]
        "milk_yield fat_yield" = 0.2
        "methane milk_yield" = -0.45
        [residual_correlations]
        "milk_yield methane" = 0.5
        "milk_yield fat_yield" = 0.3
        [recordings]
        sniffer = 0.25
        [herds]
        records_per_herd_year = 6
        variance = 0.5
        [genes]
        qtl = 70
        major_gene = false
        [[links]]
        target = "methane"
        driver = "milk_yield"
        share = 0.0
        """
    )


def test_genetic_correlations_asked_are_those_of_the_values(correlated: SimulatedHerd) -> None:
    asked = np.array([[1, 0.2, -0.45], [0.2, 1, 0], [-0.45, 0, 1]])
    found = correlated.truth.parameters

    assert np.allclose(asked, found["genetic_correlations_asked"])
    assert np.allclose(asked, found["genetic_correlations_realised"], atol=1e-5)


def test_residual_correlations_are_near_those_asked(correlated: SimulatedHerd) -> None:
    found = correlated.truth.parameters

    assert [[1, 0.3, 0.5], [0.3, 1, 0], [0.5, 0, 1]] == found["residual_correlations_asked"]
    assert np.allclose(found["residual_correlations_asked"], found["residual_correlations_realised"], atol=0.2)


def test_holes_herds_and_genes_are_as_asked(correlated: SimulatedHerd) -> None:
    found = correlated.truth.parameters

    assert {"milk_yield": 1.0, "fat_yield": 1.0, "methane": 0.25} == found["recorded_realised"]
    assert found["recorded_asked"] == found["recorded_realised"]
    assert 0.25 == correlated.traits["methane"].notna().mean()
    assert (None, 70, 70) == (found["major_gene"], found["n_qtl"], len(correlated.truth.qtl))
    assert found["herd_year_variance"]["methane"] == pytest.approx(0.5 * 80**2)
    assert correlated.covariates["herd_year"].value_counts().mean() < 9


def test_a_link_of_share_zero_is_listed_and_does_nothing(correlated: SimulatedHerd) -> None:
    found = correlated.truth.parameters

    assert [0.0] == [link["share"] for link in found["links"]]
    assert found["links_realised"][0]["share"] < 0.05
    assert found["non_additive_realised"]["methane"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("function", ["quadratic", "optimum"])
def test_links_of_a_design_take_their_share(function: str) -> None:
    herd = herd_of(
        f"""
        [traits]
        only = ["height", "milk_yield"]
        [[links]]
        target = "height"
        driver = "milk_yield"
        share = 0.5
        function = "{function}"
        """
    )

    [link] = herd.truth.parameters["links_realised"]
    assert link["share"] == pytest.approx(0.5, abs=0.1)
    assert herd.truth.parameters["non_additive_realised"]["height"] == pytest.approx(0.5, abs=0.1)


def test_loadings_of_the_major_gene_are_those_asked() -> None:
    herd = herd_of("[traits]\nonly = ['height']\n[genes]\nmajor_gene = true\nloadings = { height = 0.6 }")
    gene = herd.truth.qtl["marker"] == herd.truth.parameters["major_gene"]
    qtl = herd.truth.qtl[gene].iloc[0]

    explained = 2 * qtl["frequency"] * (1 - qtl["frequency"]) * qtl["height"] ** 2
    assert explained / herd.truth.breeding_values["height"].var() == pytest.approx(0.36, rel=0.3)


def test_dominance_and_products_of_a_design_take_their_share() -> None:
    herd = herd_of("[traits]\nonly = ['height']\n[traits.height]\ndominance = 0.2\nepistasis = 0.1")

    assert herd.truth.parameters["non_additive_realised"]["height"] == pytest.approx(0.3, abs=0.1)


def test_a_trait_that_is_not_inherited_can_be_asked_for() -> None:
    herd = herd_of("[traits]\nonly = ['height', 'stillbirth']\n[traits.height]\nheritability = 0\n"
                   "[traits.stillbirth]\nheritability = 0")  # fmt: skip

    assert {"height": 0.0, "stillbirth": 0.0} == herd.truth.heritabilities


def equicorrelated(n: int, r: float) -> FloatArray:
    return np.full((n, n), r) + (1 - r) * np.eye(n)


def test_the_nearest_correlations_are_highams() -> None:
    """His example: 1 on the diagonal and beside it, 0 in the corners (section 4 of the paper)."""
    matrix = np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]])

    nearest = nearest_correlations(matrix)

    assert np.allclose([0.7607, 0.1573, 0.7607], nearest[np.triu_indices(3, 1)], atol=5e-5)
    assert is_possible(nearest)
    assert np.allclose(1, np.diag(nearest))


def test_the_nearest_of_possible_correlations_are_themselves() -> None:
    assert np.allclose(fit_factor_model().correlations, nearest_correlations(fit_factor_model().correlations))


def test_the_nearest_of_equal_negative_correlations_are_the_most_negative_possible_ones() -> None:
    assert np.allclose(equicorrelated(4, -1 / 3), nearest_correlations(equicorrelated(4, -0.6)), atol=1e-6)


def test_impossible_correlations_are_refused_and_the_nearest_offered() -> None:
    message = (
        r"design\.toml: \[genetic_correlations\]: expected correlations that traits can have together "
        r"\(a positive definite matrix\), found a matrix whose least eigenvalue is -0\.800\. The nearest possible ones "
        r"\(Higham 2002\) differ by at most 0\.400: .*milk_yield fat_yield 0\.9 -> 0\.5.* Take them with nearest = true"
    )
    with pytest.raises(SettingError, match=message):
        HerdSettings(design=designed(IMPOSSIBLE))


def test_the_nearest_correlations_are_taken_if_asked_for() -> None:
    found = herd_of(IMPOSSIBLE + "nearest = true").truth.parameters["genetic_correlations_asked"]

    assert np.allclose([[1, 0.5, 0.5], [0.5, 1, -0.5], [0.5, -0.5, 1]], found, atol=1e-6)


BAD: dict[str, str] = {
    "[trait.height]\nheritability = 0.3": r"design\.toml: expected a known key, found trait\. Did you mean traits\?",
    "[traits.height]\nheritabilty = 0.3": r"\[traits\.height\]: .* found heritabilty\. Did you mean heritability\?",
    "[traits.height]\nheritability = 3": r"\[traits\.height\] heritability: expected a number from 0 to 1, found 3\.",
    "[traits.height]\nheritability = 'high'": "expected a number from 0 to 1, found high",
    "[traits.height]\nunit = 3": r"\[traits\.height\] unit: expected a text, found 3\. Put it in quotes",
    "[traits.height]\ndeviation = 0": "deviation: expected a number above 0, found 0",
    "[traits.height]\ndirection = 'hihger'": "Did you mean higher?",
    "[traits.height]\nprevalence = 0.2": "expected no prevalence, found 0.2",
    "[traits.height]\ndominance = 0.6\nepistasis = 0.6": "add up to at most 1, found 1.2",
    "[traits.height]\nrecords = 2": "expected a repeatability, since cows have several records, found none",
    "[traits.height]\nrecords = 2\nrepeatability = 0.1": "repeatability: expected at least the heritability of 0.47",
    "[traits.height]\nrecording = 'robots'": r"\[traits\.height\] recording: expected a known name, found 'robots'",
    "[traits.cow_conception]\nmean = 0.3": r"expected no mean, found 0\.3\. A binary trait has a prevalence instead",
    "[traits.cow_conception]\nheritability = 0.9": r"heritability: expected at most 0\.622 on the 0/1 scale",
    "[traits.new]\nmean = 3": r"\[traits\.new\]: expected the key heritability, found none",
    "[traits.new]\nheritability = 0.1": r"\[traits\.new\]: expected the key mean, found none",
    "[traits.new]\nheritability = 0.1\nkind = 'binary'": "expected the key prevalence, found none. A binary trait has",
    "[traits.'a trait']\nheritability = 0.1": "expected a name of letters, digits and _ that isn't",
    "[traits.id]\nheritability = 0.1": r"\[traits\.id\]: expected a name .* found 'id'\. Rename the trait",
    "[traits]\nonly = []": r"\[traits\] only: expected a list of names, found \[\]",
    "[traits]\nonly = ['height', 'height']": "expected every name once, found height twice",
    "[traits]\nonly = ['milk_yeld']": "only: expected a known name, found 'milk_yeld'. Did you mean milk_yield?",
    "[traits]\nonly = ['height']\n[traits.ketosis]\nheritability = 0.1": "expected traits that are simulated",
    "[traits]\nonly = ['height']\n[traits.new]\nheritability = 0.1\nmean = 1\ndeviation = 1": "found new. Add it to",
    "traits = 3": r"\[traits\]: expected a table, found 3",
    "[genetic_correlations]\n'height' = 0.2": "expected two names of traits, such as .* found 'height'",
    "[genetic_correlations]\n'height ketosis' = 1.2": "height ketosis: expected a number from -1 to 1, found 1.2",
    "[genetic_correlations]\n'height ketoses' = 0.2": "expected a known name, found 'ketoses'. Did you mean ketosis?",
    "[genetic_correlations]\n'height ketosis' = 0.2\n'ketosis height' = 0.2": "expected every pair once, found",
    "[traits]\nonly=['height']\n[residual_correlations]\n'height ketosis' = 0.2": "found ketosis. Add it to the list",
    "[recordings]\nclaws = 1.3": r"\[recordings\] claws: expected a number from 0\.001 to 1, found 1\.3",
    "[recordings]\nclows = 0.3": "Did you mean claws?",
    "[herds]\nvariance = -1": r"\[herds\] variance: expected a number of at least 0, found -1",
    "links = 3": r"links: expected a list of tables, found 3\. Head each with \[\[links\]\]",
    "[[links]]\ntarget = 'height'": r"\[\[links\]\] 1: expected the key driver, found none",
    "[[links]]\ntarget = 'height'\ndriver = 'ketosis'\nshare = 2": "share: expected a number from 0 to 1, found 2",
    "[[links]]\ntarget = 'height'\ndriver = 'ketosis'\nshare = 0.2\nfunction = 'sinus'": "found 'sinus'",
    "[[links]]\ntarget = 'heigt'\ndriver = 'ketosis'\nshare = 0.2": "target: .* found 'heigt'. Did you mean height",
    "[genes]\nqtl = 3": r"\[genes\] qtl: expected a whole number of at least 29, found 3",
    "[genes]\nmajor_gene = 'yes'": "major_gene: expected true or false, found 'yes'",
    "[genes.loadings]\nheigth = 0.3": r"\[genes\.loadings\]: .* found 'heigth'\. Did you mean height",
    "[environments]\ncorrelation = 0.5": r"\[environments\]: expected the key n, found none",
    "[environments]\nn = 2": "expected either correlation or slope_variance, found neither",
    "[environments]\nn = 2\ncorrelation = 0.5\nslope_variance = 0.2": "slope_variance, found both",
    "[environments]\nn = 200\ncorrelation = 0.5": "at most 25, the number of herds of 3,000 animals, found 200",
    "summarise = 'no'": "summarise: expected true or false, found 'no'",
    "summarise = true\n[traits.stillbirth]\nrecords = 2\nrepeatability = 0.05": "found stillbirth, which is binary",
}


@pytest.mark.parametrize("text", BAD)
def test_unusable_designs_are_refused(text: str) -> None:
    with pytest.raises(SettingError, match=BAD[text]):
        HerdSettings(design=designed(text))


CHAIN = """
[[links]]
target = "height"
driver = "milk_yield"
share = 0.1
[[links]]
target = "milk_yield"
driver = "{driver}"
share = 0.1
"""


@pytest.mark.parametrize("driver", ["height", "ketosis", "milk_yield"])
def test_cycles_and_chains_of_links_are_refused(driver: str) -> None:
    with pytest.raises(SettingError, match="expected drivers that are nobody's target, found milk_yield, which drives"):
        HerdSettings(design=designed(CHAIN.format(driver=driver)))


def test_a_target_has_one_link() -> None:
    with pytest.raises(SettingError, match="expected one link a target, found 2 of height"):
        HerdSettings(design=designed(CHAIN.format(driver="ketosis").replace('"milk_yield"\nd', '"height"\nd')))


def test_a_number_of_traits_and_a_list_contradict_each_other() -> None:
    with pytest.raises(SettingError, match=r"n_traits: expected none beside the list `only` of design\.toml, found 33"):
        HerdSettings(n_traits=33, design=designed("[traits]\nonly = ['height']"))


def test_what_is_not_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "design.toml").write_text("[traits\n")

    with pytest.raises(FileFormatError, match=r"design\.toml: expected TOML, found .*docs/simulation\.md"):
        read_design(tmp_path / "design.toml")


def test_recordings_of_the_catalogue_keep_their_shares() -> None:
    plan = trait_plan(designed("[recordings]\nclaws = 0.5"), n_traits=None, architecture="additive")

    assert RECORDED_SHARES | {"claws": 0.5} == plan.recorded_shares


def test_a_design_says_how_the_population_is_bred_and_typed(tmp_path: Path) -> None:
    path = tmp_path / "design.toml"
    path.write_text("[population]\nselection = 0.7\n[chip]\nmissing = 0.01\nlow_density_animals = 0.2\n")

    settings = HerdSettings(animals=60, markers=60, design=read_design(path))

    assert settings.selection == 0.7
    assert settings.calling == Calling(missing=0.01, low_density_animals=0.2)
    assert settings.said()["calling"]["missing"] == 0.01


def test_a_design_says_what_breeds_are_crossed() -> None:
    settings = HerdSettings(design=design_of({"population": {"crossing": {"jersey": 0.2, "angus": 0.1}}}))

    assert settings.genome_design.other_breeds == ("jersey", "angus")


def test_the_map_of_a_chip_stands_beside_the_design(tmp_path: Path) -> None:
    (tmp_path / "design.toml").write_text('[chip]\nmap = "markers.tsv"\n')
    rows = [f"{chromosome}\t{position}\t0.3\n" for chromosome in range(1, 30) for position in (1000, 2000)]
    (tmp_path / "markers.tsv").write_text("chromosome\tposition_bp\tallele_frequency\n" + "".join(rows))

    assert HerdSettings(design=read_design(tmp_path / "design.toml")).markers == 58


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"population": {"selektion": 0.2}},
            r"\[population\]: expected a known key, found selektion\. Did you",
        ),
        ({"population": {"selection": 2}}, r"\[population\] selection: expected a number from 0 to 1, found 2"),
        (
            {"population": {"crossing": {"jersy": 0.2}}},
            r"crossing: expected a known key, found jersy\. Did you",
        ),
        ({"chip": {"mising": 0.2}}, r"\[chip\]: expected a known key, found mising\. Did you mean missing\?"),
        ({"chip": {"errors": "many"}}, r"\[chip\] errors: expected a number from 0 to 1, found many"),
        ({"chip": {"map": 3}}, r"\[chip\] map: expected a text, found 3"),
    ],
)
def test_impossible_populations_and_chips(content: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        design_of(content)
