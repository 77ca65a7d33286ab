"""Networks and hybrids where there is a GPU: repeatable, resumed as if not interrupted, and near what a CPU learns."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cohorts_for_tests import family_cohort  # noqa: E402
from genialearn.neural.checkpoints import CheckpointFile  # noqa: E402
from genialearn.predictors import make_predictor  # noqa: E402
from genialearn.predictors.networks import Network  # noqa: E402
from killed_training import KilledAfter, KilledError  # noqa: E402

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

SHORT = {"max_epochs": 8, "members": 2, "width": 16}
MODELS = ("network", "network-residual", "hybrid", "deepgblup", "dlgblup")


class TestOnAGPU:
    @pytest.mark.parametrize("name", MODELS)
    def test_the_same_seed_gives_the_same_predictions(self, name: str) -> None:
        cohort = family_cohort()
        one, again = (make_predictor(name, seed=3).fit(cohort).predict(cohort) for _ in range(2))

        np.testing.assert_array_equal(one, again)

    def test_it_learns_what_a_cpu_learns(self) -> None:
        cohort = family_cohort()
        gpu, cpu = (Network(**SHORT, device=device).fit(cohort).predict(cohort) for device in ("cuda", "cpu"))

        for trait in range(gpu.shape[1]):
            assert np.corrcoef(gpu[:, trait], cpu[:, trait])[0, 1] > 0.9

    def test_predictions_are_those_of_the_same_network_on_a_cpu(self) -> None:
        cohort = family_cohort()
        model = Network(**SHORT, device="cuda").fit(cohort)
        expected = model.predict(cohort)
        for network in model.networks_:
            network.cpu()
        model.device = "cpu"

        np.testing.assert_allclose(model.predict(cohort), expected, atol=1e-8)

    def test_what_was_killed_goes_on_to_the_same_bytes(self, tmp_path: Path) -> None:
        cohort = family_cohort()
        whole = Network(**SHORT, device="cuda").fit(cohort).predict(cohort)
        model = Network(**SHORT, device="cuda")
        with pytest.raises(KilledError, match="killed"):
            model.fit_resumably(cohort, partial(KilledAfter, tmp_path / "kept", 5))
        model.fit_resumably(cohort, partial(CheckpointFile, tmp_path / "kept"))

        assert model.predict(cohort).tobytes() == whole.tobytes()
