from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from genialearn._arrays import FloatArray, Int8Array
from genialearn.cohorts.simulate import ARCHITECTURES, CATALOGUE, Architecture, Link, SimulatedHerd, chosen_traits
from genialearn.cohorts.simulate.architecture import FUNCTIONS
from genialearn.cohorts.simulate.correlations import asked_correlations, fit_factor_model
from genialearn.cohorts.simulate.effects import centred_values, polygenic_effects, with_major_gene
from genialearn.cohorts.simulate.genetic_model import FixedLink, GeneticModel, GeneticValues, build_genetic_model
from genialearn.cohorts.simulate.residuals import YIELDS, correlated_residuals
from genialearn.cohorts.simulate.scales import Scales, liability_heritability
from genialearn.cohorts.simulate.trait_catalogue import RECORDED_SHARES, TraitDesign, names_of

NAMES = names_of(CATALOGUE)
MAJOR_GENE = 17


@pytest.fixture(scope="module")
def qtl() -> Int8Array:
    rng = np.random.default_rng(5)
    return rng.binomial(2, rng.uniform(0.05, 0.95, 300), size=(2000, 300)).astype(np.int8)


def model_of(
    qtl: Int8Array, architecture: Architecture, traits: tuple[TraitDesign, ...] = CATALOGUE
) -> tuple[GeneticModel, GeneticValues]:
    rng, factors = np.random.default_rng(9), fit_factor_model()
    model = build_genetic_model(qtl, MAJOR_GENE, traits, architecture, rng, factors=factors)
    return model, model.values(qtl)


def test_there_are_33_traits_each_once() -> None:
    assert len(set(NAMES)) == 33
    assert {trait.direction for trait in CATALOGUE} == {"higher", "lower", "optimum"}
    assert chosen_traits(33) == CATALOGUE


@pytest.mark.parametrize("n_traits", [1, 2, 6, 12, 32])
def test_fewer_traits_are_spread_over_groups_in_catalogue_order(n_traits: int) -> None:
    names = names_of(chosen_traits(n_traits))

    assert len(names) == n_traits
    assert names == sorted(names, key=NAMES.index)
    assert len({trait.group for trait in chosen_traits(n_traits)}) >= min(n_traits, 5) - 1


def test_the_factor_model_is_near_the_correlations_asked() -> None:
    asked, listed = asked_correlations()
    model = fit_factor_model().correlations

    assert np.abs(model - asked)[listed].max() < 0.05
    assert np.allclose(np.diag(model), 1)
    assert np.linalg.eigvalsh(model).min() > 0


def test_pairs_that_are_not_asked_stay_nearly_uncorrelated() -> None:
    _, listed = asked_correlations()
    model = fit_factor_model().correlations

    rest = model[~listed & ~np.eye(33, dtype=bool)]
    assert np.sqrt(np.mean(rest**2)) < 0.1


def test_polygenic_values_have_exactly_the_correlations_of_the_model(qtl: Int8Array) -> None:
    factors = fit_factor_model()

    values = centred_values(qtl, polygenic_effects(qtl, factors, np.random.default_rng(1)))

    assert np.allclose(np.cov(values, rowvar=False, bias=True), factors.correlations, atol=1e-8)


def test_too_small_a_cohort_still_gets_its_variances(qtl: Int8Array) -> None:
    values = centred_values(qtl[:20], polygenic_effects(qtl[:20], fit_factor_model(), np.random.default_rng(1)))

    assert np.allclose(values.var(axis=0), 1)


def test_an_additive_trait_is_the_sum_of_its_average_effects(qtl: Int8Array) -> None:
    model, values = model_of(qtl, ARCHITECTURES["additive"])

    assert np.allclose(values.genetic, values.breeding)
    assert np.allclose(values.breeding, (qtl - qtl.mean(axis=0)) @ model.effects)


@pytest.mark.parametrize(("trait", "share"), [("fat_percent", 0.25), ("protein_percent", 0.04), ("height", 0.0)])
def test_the_major_gene_explains_its_share(qtl: Int8Array, trait: str, share: float) -> None:
    loadings = np.array([share**0.5 if name == trait else 0.0 for name in NAMES])
    before = polygenic_effects(qtl, fit_factor_model(), np.random.default_rng(1))

    after = centred_values(qtl, with_major_gene(qtl, before, MAJOR_GENE, loadings))[:, NAMES.index(trait)]

    if share:
        assert np.corrcoef(after, qtl[:, MAJOR_GENE])[0, 1] ** 2 == pytest.approx(share)
    else:
        assert np.allclose(after, centred_values(qtl, before)[:, NAMES.index(trait)])
    assert after.var() == pytest.approx(1)


def test_a_major_gene_that_does_not_vary_changes_nothing(qtl: Int8Array) -> None:
    constant = qtl.copy()
    constant[:, MAJOR_GENE] = 2
    before = polygenic_effects(constant, fit_factor_model(), np.random.default_rng(1))

    assert np.array_equal(with_major_gene(constant, before, MAJOR_GENE, np.full(33, 0.5)), before)


def standard_normal_pair() -> FloatArray:
    """Two uncorrelated variables, exactly of mean 0 and variance 1."""
    draws = np.random.default_rng(3).standard_normal((2, 50_000))
    return (draws - draws.mean(axis=1, keepdims=True)) / draws.std(axis=1, keepdims=True)


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
@pytest.mark.parametrize("share", [0.05, 0.15, 0.6])
def test_a_link_takes_its_share_of_the_genetic_variance(function: str, share: float) -> None:
    own, driver = standard_normal_pair()
    response = FUNCTIONS[function](driver)

    link = FixedLink.of(own, driver, Link("a", "b", share, function), (0, 1))
    total = link.total(own, driver)

    assert total.var() == pytest.approx(1)
    assert np.corrcoef(total, response)[0, 1] ** 2 == pytest.approx(share, abs=0.02)
    left_over = total - link.on_own * own - link.on_driver * driver
    assert np.cov(left_over, driver)[0, 1] == pytest.approx(0, abs=1e-6)  # a line leaves nothing over


def test_a_quadratic_link_has_no_linear_part_and_a_threshold_has() -> None:
    own, driver = standard_normal_pair()

    slopes = {name: FixedLink.of(own, driver, Link("a", "b", 0.3, name), (0, 1)).on_driver for name in FUNCTIONS}

    assert slopes["quadratic"] == pytest.approx(0, abs=0.02)
    assert slopes["optimum"] == pytest.approx(0, abs=0.02)
    assert slopes["threshold"] > 0.2
    assert slopes["exponential"] > 0.2


def test_links_of_share_zero_give_the_additive_architecture_exactly(qtl: Int8Array) -> None:
    additive, values = model_of(qtl, ARCHITECTURES["additive"])
    links = tuple(replace(link, share=0.0) for link in ARCHITECTURES["nonlinear"].links)

    control, same = model_of(qtl, Architecture(major_gene=False, links=links))

    assert np.array_equal(same.genetic, values.genetic)
    assert np.array_equal(control.effects, additive.effects)


@pytest.mark.parametrize(("name", "share"), [("realistic", 0.15), ("nonlinear", 0.6)])
def test_drivers_are_never_targets_and_shares_are_those_promised(name: str, share: float) -> None:
    links = ARCHITECTURES[name].links

    assert {link.driver for link in links}.isdisjoint(link.target for link in links)
    assert {link.share for link in links} == {share}
    assert {name for link in links for name in (link.target, link.driver)} <= set(NAMES)


@pytest.mark.parametrize("share", [0.0, 0.15, 0.4])
@pytest.mark.parametrize("kind", ["dominance", "epistasis"])
def test_interactions_take_their_share_of_the_genetic_variance(qtl: Int8Array, kind: str, share: float) -> None:
    traits = (CATALOGUE[0], replace(CATALOGUE[16], **{kind: share}))
    rng, factors = np.random.default_rng(9), fit_factor_model().select(names_of(traits))

    model = build_genetic_model(qtl, MAJOR_GENE, traits, ARCHITECTURES["additive"], rng, factors=factors)
    values = model.values(qtl)

    explained = [np.corrcoef(values.genetic[:, i], values.breeding[:, i])[0, 1] ** 2 for i in range(2)]
    assert np.allclose(values.genetic.var(axis=0), 1)
    assert np.allclose(values.genetic.mean(axis=0), 0, atol=1e-9)
    assert explained == pytest.approx([1, 1 - share], abs=0.05)


def test_a_model_says_the_same_of_few_animals_as_of_all(qtl: Int8Array) -> None:
    traits = tuple(replace(trait, dominance=0.1, epistasis=0.1) for trait in CATALOGUE)

    model, values = model_of(qtl, ARCHITECTURES["nonlinear"], traits)
    few = model.values(qtl[100:107])

    assert np.allclose(values.genetic[100:107], few.genetic)
    assert np.allclose(values.breeding[100:107], few.breeding)


def test_links_change_only_their_targets(qtl: Int8Array) -> None:
    _, linked = model_of(qtl, ARCHITECTURES["nonlinear"])
    _, plain = model_of(qtl, Architecture(major_gene=True, links=()))
    targets = [link.target for link in ARCHITECTURES["nonlinear"].links]

    same = [np.array_equal(linked.genetic[:, i], plain.genetic[:, i]) for i in range(33)]

    assert same == [name not in targets for name in NAMES]
    reached = [np.corrcoef(linked.genetic[:, i], plain.genetic[:, i])[0, 1] for i in range(33)]
    assert reached[NAMES.index("udder_depth")] == pytest.approx(np.sqrt(0.4), abs=0.05)


def test_liability_heritability_is_dempster_and_lerners() -> None:
    """K = .5 has z = .3989, so h2 / (4 z^2) = h2 pi / 2."""
    assert liability_heritability(0.1, 0.5) == pytest.approx(0.1 * np.pi / 2)
    assert liability_heritability(0.04, 0.07) == pytest.approx(0.04 * 0.07 * 0.93 / norm.pdf(norm.ppf(0.93)) ** 2)


def test_observed_heritability_of_thresholded_liabilities_is_the_one_asked() -> None:
    traits = tuple(trait for trait in CATALOGUE if trait.is_binary)
    scales, rng = Scales.of(traits), np.random.default_rng(6)
    genetic, residual = rng.standard_normal((2, 400_000, len(traits)))

    limits = norm.isf([trait.mean for trait in traits])
    records = genetic * scales.genetic + residual * scales.residual > limits
    regressions = np.mean(genetic * records, axis=0)

    realised = regressions**2 / records.var(axis=0)
    assert np.allclose(realised, [trait.heritability for trait in traits], rtol=0.15)


def test_breeding_values_and_probabilities_of_binary_traits_agree_to_first_order() -> None:
    traits = tuple(trait for trait in CATALOGUE if trait.is_binary)
    scales = Scales.of(traits)
    values = np.random.default_rng(6).standard_normal((100_000, len(traits)))

    expected = scales.expected_records(values)

    assert np.allclose(expected.mean(axis=0), scales.means, atol=0.002)
    slopes = np.array([np.polyfit(values[:, i], expected[:, i], 1)[0] for i in range(len(traits))])
    assert np.allclose(slopes, scales.additive_slopes, rtol=0.05)


def test_residuals_are_correlated_among_yields_only() -> None:
    correlations = np.corrcoef(correlated_residuals(CATALOGUE, 20_000, np.random.default_rng(1)), rowvar=False)
    yields = [NAMES.index(name) for name in YIELDS]
    among = correlations[np.ix_(yields, yields)]

    assert among[np.triu_indices(3, 1)] == pytest.approx(0.87, abs=0.02)
    correlations[np.ix_(yields, yields)] = 0
    np.fill_diagonal(correlations, 0)
    assert np.abs(correlations).max() < 0.04


def recorded_values(herd: SimulatedHerd) -> FloatArray:
    return herd.traits[NAMES].to_numpy(dtype=float)


def test_holes_come_in_seven_patterns_of_known_shares(herd: SimulatedHerd) -> None:
    present = np.isfinite(recorded_values(herd))

    assert len(np.unique(present, axis=1).T) == len(RECORDED_SHARES) == 7
    shares = [RECORDED_SHARES[trait.recording] for trait in CATALOGUE]
    assert np.allclose(present.mean(axis=0), shares, atol=1 / 600)


def test_binary_records_have_their_prevalence(herd: SimulatedHerd) -> None:
    for trait in CATALOGUE:
        records = herd.traits[trait.name].dropna()
        if trait.is_binary:
            assert set(records) == {0.0, 1.0}
            assert records.mean() == pytest.approx(trait.mean, abs=5 * np.sqrt(trait.mean / len(records)))
        else:
            assert records.mean() == pytest.approx(trait.mean, abs=0.3 * trait.deviation)
            assert records.std() == pytest.approx(trait.deviation * np.sqrt(1.2), rel=0.15)


def test_heritabilities_are_those_asked(herd: SimulatedHerd) -> None:
    asked, realised = herd.truth.parameters["h2_asked"], herd.truth.heritabilities

    assert list(realised) == NAMES
    for trait in NAMES:
        assert realised[trait] == pytest.approx(asked[trait], rel=0.2)


def test_records_regress_on_genetic_values_with_slope_one(herd: SimulatedHerd) -> None:
    slopes = []
    for trait in CATALOGUE:
        genetic, records = herd.truth.genetic_values[trait.name], herd.traits[trait.name]
        if trait.heritability >= 0.2:
            slopes.append(records.cov(genetic) / genetic[records.notna()].var())

    assert np.mean(slopes) == pytest.approx(1, abs=0.1)


def test_realised_genetic_correlations_of_the_polygenic_part_are_near_those_asked(herd: SimulatedHerd) -> None:
    realised = np.array(herd.truth.parameters["genetic_correlations_realised"])
    asked = np.array(herd.truth.parameters["genetic_correlations_asked"])

    assert np.sqrt(np.mean((realised - asked) ** 2)) < 0.05
    assert realised[0, 2] == pytest.approx(0.87, abs=0.12)


def test_breeding_values_are_what_the_qtl_table_says(herd: SimulatedHerd) -> None:
    """The spread of breeding values from the table of effects, at linkage equilibrium, is near the one written."""
    qtl, values = herd.truth.qtl, herd.truth.breeding_values
    heterozygosity = 2 * qtl["frequency"] * (1 - qtl["frequency"])

    for trait in ("milk_yield", "height"):
        expected = np.sqrt((heterozygosity * qtl[trait] ** 2).sum())
        assert values[trait].std() == pytest.approx(expected, rel=0.5)
        assert values[trait].mean() == pytest.approx(next(t.mean for t in CATALOGUE if t.name == trait))


def test_herd_years_are_of_sensible_size(herd: SimulatedHerd) -> None:
    sizes = herd.covariates["herd_year"].value_counts()

    assert list(herd.covariates.columns) == ["id", "herd_year"]
    assert 6 < sizes.mean() < 24
    assert herd.covariates["herd_year"].str.fullmatch(r"H\d+_20\d\d").all()
