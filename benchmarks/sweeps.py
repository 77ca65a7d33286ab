"""What does a sweep of the sampler over all markers cost, for all traits together?

    python benchmarks/sweeps.py --animals 2000 --markers 10000 --traits 10 --threads 2

Random genotypes, records of heritability .5 by 100 loci, a tenth of them missing at random for each trait. Printed:
seconds of setting up, milliseconds of a sweep (median), peak memory, and the floor: vector additions of 16 columns,
one for every two genotypes in each direction.
"""

from __future__ import annotations

import argparse
import resource
import time

import numba
import numpy as np

from genialearn import Cohort
from genialearn.mixed_models.marker_sampler import BAYES_R, MarkerSampler, _State


def main() -> None:
    arguments = parse()
    if arguments.threads:
        numba.set_num_threads(arguments.threads)
    sampler, seconds = set_up(arguments)
    start = BAYES_R.many if arguments.many else BAYES_R.few
    state = _State(sampler, start, np.random.default_rng(1))
    times = []
    for sweep in range(arguments.sweeps + WARM):
        started = time.perf_counter()
        state.step()
        if sweep >= WARM:
            times.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    columns = -(-arguments.traits // 16)
    additions = arguments.animals * arguments.markers * columns
    print(f"set up: {seconds:.1f} s; peak {peak:.2f} GiB; {numba.get_num_threads()} threads")
    print(f"sweep: median {1e3 * np.median(times):.1f} ms, least {1e3 * np.min(times):.1f} ms")
    print(f"floor: {additions:.2g} additions of 16 columns, half of them in each direction")


WARM = 5


def set_up(arguments: argparse.Namespace) -> tuple[MarkerSampler, float]:
    rng = np.random.default_rng(1)
    shape = arguments.animals, arguments.markers
    dosages = np.asfortranarray(rng.binomial(2, rng.uniform(0.05, 0.95, arguments.markers), shape).astype(np.int8))
    effects = np.zeros((arguments.markers, arguments.traits))
    for trait in range(arguments.traits):
        effects[rng.permutation(arguments.markers)[:100], trait] = rng.standard_normal(100)
    values = dosages.astype(np.float32) @ effects.astype(np.float32)
    records = values / values.std(axis=0) + rng.standard_normal(values.shape)
    records[rng.random(records.shape) < 0.1] = np.nan
    cohort = Cohort.from_arrays(dosages, records).canonical()
    started = time.perf_counter()
    return MarkerSampler(cohort, BAYES_R), time.perf_counter() - started


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--animals", type=int, default=2000)
    parser.add_argument("--markers", type=int, default=10_000)
    parser.add_argument("--traits", type=int, default=10)
    parser.add_argument("--sweeps", type=int, default=30)
    parser.add_argument("--many", action="store_true", help="begin with many effects that aren't 0")
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
