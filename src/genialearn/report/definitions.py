"""What the words of the report mean."""

from __future__ import annotations

METRIC_LABELS = {
    "r": "predictive ability, r",
    "accuracy": "accuracy, r / h",
    "r_breeding_value": "r with the true breeding value",
    "r_genetic_value": "r with the true genetic value",
    "auc": "area under the curve (binary traits)",
}

TABLE_LABELS = {name: METRIC_LABELS[name] for name in ("accuracy", "r_breeding_value", "r_genetic_value", "auc")} | {
    "top10": "share of the best tenth found",
    "mse": "mean squared error",
}

DEFINITIONS = (
    (
        "observed",
        "The record minus the fixed effects, which GBLUP estimated once on the whole data. It is the same for all "
        "models, and no model saw it when it was fitted.",
    ),
    ("predicted", "Mean plus genetic value; for a binary trait, the probability."),
    (
        "r (predictive ability)",
        "Correlation between observed and predicted over all test animals, each fold centred on its own mean.",
    ),
    (
        "accuracy",
        "r / h, where h is the square root of the heritability that GBLUP estimated on the training records.",
    ),
    (
        "h2 (heritability)",
        "s2g / (s2g + s2e): the genetic variance as a share of the genetic and residual variance, with VanRaden's "
        "first genomic relationship matrix.",
    ),
    ("b1 (dispersion)", "Slope of observed on predicted. 1 is right; below 1, predictions are spread too widely."),
    (
        "bias",
        "Mean of predicted minus observed, in genetic standard deviations. 0 is right; above 0, predictions are too "
        "high.",
    ),
    ("mse", "Mean squared difference between observed and predicted, in squared units of the trait."),
    ("top10", "Share of the observed best tenth of the test animals that is in the predicted best tenth."),
    ("auc", "Binary traits: chance that an affected animal is predicted above an unaffected one."),
    (
        "r with the true breeding or genetic value",
        "Simulated cohorts only: correlation of predicted with the sum of average effects (breeding value), or with "
        "the sum of all genetic effects (genetic value).",
    ),
    ("interval", "Estimate ± 1.96 standard errors."),
    (
        "better, equal, worse",
        "The verdict on the difference in r from the reference, on the same test animals: a two-sided "
        "Hotelling-Williams test, with Holm's correction over traits. Better and worse need a corrected p below 0.05 "
        "and a bootstrap interval over blocks of sires (animals, where there is no pedigree) that excludes 0. Equal "
        "means that no difference was shown, not that there is none.",
    ),
    (
        "time and memory",
        "Wall time is the sum of fit and predict over all splits. Memory is the highest peak of a model's process "
        "and its children, over all stages and splits.",
    ),
)
