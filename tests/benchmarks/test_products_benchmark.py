"""The plain products that ours are timed against are right, missing genotypes included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from products import Plain

from genialearn._arrays import as_ids
from genialearn.genotypes import DenseGenotypes, MarkerMap, read_plink, write_plink


@pytest.mark.parametrize("fewest", [-1, 0])
def test_plain_products(fewest: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    dosages = np.asfortranarray(rng.integers(fewest, 3, (30, 700)).astype(np.int8))
    animals = as_ids([f"a{row}" for row in range(30)])
    write_plink(tmp_path / "geno", DenseGenotypes(animals, MarkerMap.numbered(700), dosages))
    observed = np.ma.masked_less(dosages, 0)
    z = (observed - observed.mean(axis=0)).filled(0)
    v, u = rng.standard_normal((30, 3)), rng.standard_normal((700, 3))

    plain = Plain(read_plink(tmp_path / "geno"))

    assert pytest.approx(z.T @ v, abs=1e-4) == plain.times_animal_values(v)
    assert pytest.approx(z @ u, abs=1e-4) == plain.times_marker_effects(u)
    assert pytest.approx(z @ z.T @ v, abs=1e-2) == plain.gram(v)
