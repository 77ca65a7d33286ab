"""What an epoch of the network costs at the size of a national reference population, and how much of it is decoding.

    python benchmarks/network_epoch.py
    python benchmarks/network_epoch.py --bed herd/genotypes.bed --threads 2
    python benchmarks/network_epoch.py --animals 2000 --markers 3000
    python benchmarks/network_epoch.py --device cuda --epochs 3

Random genotypes and records, 113,599 animals x 50,000 markers x 33 traits by default: what is computed doesn't depend
on their values. One member, one epoch: training on four fifths of the animals and the loss of the others.

Floors, with the default settings (a batch sees a fifth of the markers; 64 + 33 columns leave them):

- arithmetic: 90,880 x 10,000 x 97 x 4 = 353 GFLOP for training (forward, and weights backward) and 22,719 x 50,000 x 97
  x 2 = 220 GFLOP for the loss of animals held out: 6 s at 100 GFLOP/s;
- weights: AdamW reads and writes 4.85 M weights, gradients and moments, 136 MB, in each of 710 steps: 97 GB, 10 s at
  10 GB/s; a larger batch would save most of it;
- genotypes: 909 M + 1,136 M are decoded, 2 to 4 s at 1 to 2 ns each; 16 bytes are written for a byte read;
- memory: 1.42 GB with animals as rows, beside as much of the .bed file as is mapped while they are turned.

Where other work runs on the same cores, set OMP_WAIT_POLICY=PASSIVE: threads that wait for each other by spinning took
436 s instead of 59.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from genialearn.genotypes import MarkerMap, PackedGenotypes, allele_frequencies, map_bed
from genialearn.neural.batches import PackedAnimals, chosen_device
from genialearn.neural.bodies import Genome, make_body
from genialearn.neural.training import Targets, train
from genialearn.neural.trait_network import TraitNetwork
from genialearn.predictors.networks import Network

ROWS_TOGETHER = 256


class TimedAnimals(PackedAnimals):
    """Animals that know how long they were decoded."""

    seconds = 0.0

    def standardised(self, rows, markers=None, dtype=torch.float32):
        start = time.perf_counter()
        batch = super().standardised(rows, markers, dtype)
        TimedAnimals.seconds += time.perf_counter() - start
        return batch


def main() -> None:
    arguments = parse()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = arguments.bed or random_bed(Path(folder) / "random.bed", arguments.animals, arguments.markers)
        measure(arguments, map_genotypes(path, arguments.animals, arguments.markers))


def measure(arguments: argparse.Namespace, genotypes: PackedGenotypes) -> None:
    n_animals, n_markers = genotypes.shape
    with timed("allele frequencies"):
        frequencies = allele_frequencies(genotypes)
    device = chosen_device(arguments.device)
    with timed("animals as rows"):
        packed = PackedAnimals.of(genotypes, frequencies, device)
    inputs = TimedAnimals(packed.genotypes, packed.device)
    inputs.standardised(np.arange(2), np.arange(2)), inputs.standardised(np.arange(2))  # compiles
    TimedAnimals.seconds = 0.0
    rng = np.random.default_rng(1)
    values = rng.standard_normal((n_animals, arguments.traits))
    model = Network(max_epochs=arguments.epochs, body=arguments.body, batch_animals=arguments.batch)
    genome = Genome.of(genotypes.markers)
    held_out = np.sort(rng.permutation(n_animals)[: n_animals // 5])
    start, start_cpu = time.perf_counter(), time.process_time()
    train(
        lambda: TraitNetwork(
            make_body(model.body, genome, width=model.width, dropout=model.dropout), n_markers, arguments.traits
        ),
        inputs,
        Targets.of(values, np.ones_like(values), inputs.device),
        training=np.setdiff1d(np.arange(n_animals), held_out),
        validation=held_out,
        settings=model._settings(),
        seed=1,
    )
    wall, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    shape = f"{n_animals:,} x {n_markers:,} x {arguments.traits}"
    print(f"an epoch of {shape}: {wall / arguments.epochs:.1f} s, {cpu / arguments.epochs:.1f} s of CPU")
    print(f"decoding: {TimedAnimals.seconds:.1f} s, {TimedAnimals.seconds / wall:.0%}")
    if device.type == "cuda":
        print(f"peak of the GPU: {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB, {torch.cuda.get_device_name()}")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB, of it mapped files too")


@contextmanager
def timed(what: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    print(f"{what}: {time.perf_counter() - start:.1f} s", flush=True)


def random_bed(path: Path, n_animals: int, n_markers: int) -> Path:
    """Write random bytes as a .bed file, a quarter of each genotype."""
    rng = np.random.default_rng(1)
    with path.open("wb") as handle:
        handle.write(bytes([0x6C, 0x1B, 0x01]))
        for start in range(0, n_markers, ROWS_TOGETHER):
            handle.write(rng.bytes(min(ROWS_TOGETHER, n_markers - start) * ((n_animals + 3) // 4)))
    return path


def map_genotypes(path: Path, n_animals: int, n_markers: int) -> PackedGenotypes:
    animals = np.array([f"a{row}" for row in range(n_animals)], dtype=object)
    return PackedGenotypes.whole(animals, MarkerMap.numbered(n_markers), map_bed(path, n_animals, n_markers))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bed", type=Path, help="instead of random genotypes, of so many animals and markers")
    parser.add_argument("--animals", type=int, default=113_599)
    parser.add_argument("--markers", type=int, default=50_000)
    parser.add_argument("--traits", type=int, default=33)
    parser.add_argument("--body", default="perceptron")
    parser.add_argument("--batch", type=int, default=Network().batch_animals)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or auto")
    parser.add_argument("--epochs", type=int, default=1, help="their mean is printed, the first one included")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="for the temporary file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
