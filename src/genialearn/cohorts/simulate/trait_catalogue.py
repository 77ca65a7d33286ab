"""The 33 traits of a dairy cow: units, heritabilities, directions, and which are recorded on the same animals."""

from __future__ import annotations

from dataclasses import dataclass

QUANTITATIVE, BINARY = "quantitative", "binary"


@dataclass(frozen=True)
class TraitDesign:
    """How one trait is simulated.

    Parameters
    ----------
    name
        Name of its column.
    group
        Group of traits that it belongs to.
    unit
        Unit of its records.
    heritability
        Genetic over genetic plus residual variance; of a binary trait on the observed 0/1 scale.
    mean, deviation
        Mean and standard deviation (genetic and residual, within herd-year) of a quantitative trait; of a binary one
        the mean is its prevalence and the deviation isn't used.
    direction
        "higher", "lower" or "optimum": what breeders want.
    recording
        Which records it shares: traits of one recording have their holes at the same animals.
    kind
        "quantitative" or "binary".
    dominance, epistasis
        Shares of the genetic variance: of dominance, and of products of pairs of QTL.
    repeatability
        Share of the variance within herd-years that all records of a cow have in common, at least the heritability;
        None for a trait that is recorded once.
    records
        Mean number of records of a recorded cow.
    herd_variance
        Variance of herd-years over genetic plus residual variance; of a binary trait on the liability scale. None for
        the usual one of its kind.
    """

    name: str
    group: str
    unit: str
    heritability: float
    mean: float
    deviation: float
    direction: str
    recording: str
    kind: str = QUANTITATIVE
    dominance: float = 0.0
    epistasis: float = 0.0
    repeatability: float | None = None
    records: float = 1.0
    herd_variance: float | None = None

    @property
    def is_binary(self) -> bool:
        """Whether records are 0 or 1."""
        return self.kind == BINARY

    @property
    def is_repeated(self) -> bool:
        """Whether a cow may have several records."""
        return self.records > 1


def _binary(
    name: str, group: str, heritability: float, prevalence: float, *, direction: str, recording: str
) -> TraitDesign:
    return TraitDesign(name, group, "0/1", heritability, prevalence, 0.0, direction, recording, BINARY)


def _score(name: str, group: str, heritability: float, direction: str) -> TraitDesign:
    return TraitDesign(name, group, "score 1-9", heritability, 5.0, 1.4, direction, "classification")


_UDDER, _LEGS, _BODY = "udder", "feet_and_legs", "body"

CATALOGUE = (
    TraitDesign("milk_yield", "production", "kg", 0.30, 9000.0, 1300.0, "higher", "milk_recording"),
    TraitDesign("fat_yield", "production", "kg", 0.30, 360.0, 52.0, "higher", "milk_recording"),
    TraitDesign("protein_yield", "production", "kg", 0.30, 300.0, 40.0, "higher", "milk_recording"),
    TraitDesign("fat_percent", "production", "%", 0.50, 4.0, 0.40, "higher", "milk_recording"),
    TraitDesign("protein_percent", "production", "%", 0.50, 3.3, 0.20, "higher", "milk_recording"),
    TraitDesign("somatic_cell_score", "udder_health", "score", 0.15, 2.7, 1.4, "lower", "milk_recording"),
    _binary("clinical_mastitis", "udder_health", 0.03, 0.25, direction="lower", recording="health"),
    _binary("cow_conception", "fertility", 0.02, 0.40, direction="higher", recording="fertility"),
    _binary("heifer_conception", "fertility", 0.02, 0.58, direction="higher", recording="fertility"),
    TraitDesign("calving_to_insemination", "fertility", "days", 0.05, 85.0, 25.0, "lower", "fertility"),
    TraitDesign("functional_longevity", "longevity", "days", 0.108, 1100.0, 420.0, "higher", "longevity"),
    _score("milking_speed", "workability", 0.20, "optimum"),
    _score("temperament", "workability", 0.10, "higher"),
    TraitDesign("calving_ease", "calving", "score 1-5", 0.05, 3.8, 0.7, "higher", "fertility"),
    _binary("stillbirth", "calving", 0.02, 0.07, direction="lower", recording="fertility"),
    TraitDesign("ketosis", "metabolic", "log mmol/L", 0.12, -0.5, 0.45, "lower", "ketosis"),
    TraitDesign("height", _BODY, "cm", 0.47, 148.0, 4.0, "optimum", "classification"),
    _score("chest_depth", _BODY, 0.36, "optimum"),
    _score("chest_width", _BODY, 0.25, "higher"),
    _score("rump_width", _BODY, 0.35, "higher"),
    _score("rump_angle", _BODY, 0.35, "optimum"),
    _score("body_condition", _BODY, 0.30, "optimum"),
    _score("rear_leg_set", _LEGS, 0.20, "optimum"),
    _score("locomotion", _LEGS, 0.12, "higher"),
    _score("foot_angle", _LEGS, 0.13, "higher"),
    _score("fore_udder_attachment", _UDDER, 0.25, "higher"),
    _score("rear_udder_height", _UDDER, 0.27, "higher"),
    _score("udder_support", _UDDER, 0.22, "higher"),
    _score("udder_depth", _UDDER, 0.38, "higher"),
    _score("front_teat_placement", _UDDER, 0.33, "optimum"),
    _score("teat_length", _UDDER, 0.38, "optimum"),
    _binary("digital_dermatitis", "claws", 0.06, 0.24, direction="lower", recording="claws"),
    _binary("sole_ulcer", "claws", 0.04, 0.07, direction="lower", recording="claws"),
)
"""All traits. Heritabilities of yields, longevity, height and chest depth are those of the French Holstein evaluation
(Interbull 2003, 2007), of cow conception those of Boichard & Manfredi (1994), of claw lesions within the range of
J Dairy Sci 100:8197 (2017); the others are usual values. High scores of udder depth mean a shallow udder."""

RECORDED_SHARES = {
    "milk_recording": 1.0,
    "fertility": 0.9,
    "health": 0.8,
    "classification": 0.75,
    "longevity": 0.7,
    "claws": 0.3,
    "ketosis": 0.3,
}
"""Share of the animals that have each kind of record: seven patterns of holes, however many traits there are."""

_BY_SPREAD = (
    "milk_yield", "fat_percent", "cow_conception", "somatic_cell_score", "udder_depth", "height", "protein_yield",
    "digital_dermatitis", "ketosis", "functional_longevity", "clinical_mastitis", "milking_speed", "calving_ease",
    "locomotion", "fat_yield", "protein_percent", "fore_udder_attachment", "front_teat_placement", "chest_depth",
    "calving_to_insemination", "sole_ulcer", "body_condition", "heifer_conception", "temperament", "rump_angle",
    "teat_length", "stillbirth", "foot_angle", "rear_udder_height", "chest_width", "rump_width", "udder_support",
    "rear_leg_set",
)  # fmt: skip
"""The order in which traits join a shorter list, so that it spreads over the groups."""


def names_of(traits: tuple[TraitDesign, ...]) -> list[str]:
    """Return the names of some traits."""
    return [trait.name for trait in traits]


def chosen_traits(n_traits: int) -> tuple[TraitDesign, ...]:
    """Return `n_traits` traits spread over the groups, in the order of the catalogue."""
    names = set(_BY_SPREAD[:n_traits])
    return tuple(trait for trait in CATALOGUE if trait.name in names)
