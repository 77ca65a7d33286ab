"""What products with centred genotypes cost: Z'V, ZU and ZZ'V, by genialearn and by numpy, for 1 to 64 columns.

    python benchmarks/products.py PREFIX [--threads 2] [--out products.md]

PREFIX is of a PLINK fileset. numpy looks a block of markers up as float32, subtracts means and multiplies it by
sgemm: what a product costs without a kernel of its own. Seconds are the best of --repeats. GF/s are 1e9 additions and
multiplications a second, as if genotypes were plain numbers; the last line gives what sgemm does with square matrices
on this machine. `difference` is the norm of genialearn's product minus numpy's, relative to numpy's.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fair_environment import fair_environment

if TYPE_CHECKING:
    import numpy as np

    from genialearn.genotypes import PackedGenotypes

    Product = Callable[[np.ndarray], np.ndarray]

COLUMNS = (1, 16, 33, 48, 64)
BLOCK = 256
"""Markers that numpy unpacks at a time."""
SQUARE = 4096
"""Rows of the square matrices."""
REST = 0.3
"""Seconds until threads of another library, which wait for work by spinning, sleep."""
MEASURING = "GENIALEARN_BENCHMARK_MEASURING"


def main() -> None:
    arguments = parse()
    if MEASURING not in os.environ:  # a library reads its settings when it's loaded: a fresh process has the fair ones
        environment = fair_environment(arguments.threads) | {MEASURING: "1"}
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=environment, check=False).returncode)
    lines = list(table(arguments))
    if arguments.out:
        arguments.out.write_text("".join(f"{line}\n" for line in lines))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def table(arguments: argparse.Namespace) -> Iterator[str]:
    """Give the lines of the table, each printed when it's measured."""
    for line in rows(arguments):
        print(line, flush=True)
        yield line


def rows(arguments: argparse.Namespace) -> Iterator[str]:
    """Give the lines of the table."""
    import numpy as np

    from genialearn.genotypes import read_plink
    from genialearn.genotypes.centred import CentredGenotypes

    genotypes = read_plink(arguments.prefix)
    CentredGenotypes.of(genotypes.select(animals=range(100)))  # compiles, or loads what was compiled
    start = time.perf_counter()
    ours = CentredGenotypes.of(genotypes)
    ready = time.perf_counter() - start
    plain = Plain(genotypes)
    size = f"{genotypes.shape[0]} animals x {genotypes.shape[1]} markers, {arguments.threads} threads"
    yield f"{size}; genialearn is ready for products after {ready:.1f} s"
    yield ""
    yield "| product | columns | genialearn s | numpy s | times faster | genialearn GF/s | numpy GF/s | difference |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    rng = np.random.default_rng(1)
    for name, ours_of, plain_of, axis, passes in (
        ("Z'V", ours.times_animal_values, plain.times_animal_values, 0, 1),
        ("ZU", ours.times_marker_effects, plain.times_marker_effects, 1, 1),
        ("ZZ'V", ours.gram, plain.gram, 0, 2),
    ):
        for columns in COLUMNS:
            values = rng.standard_normal((genotypes.shape[axis], columns))
            flops = 2.0 * passes * columns * genotypes.shape[0] * genotypes.shape[1]
            yield compared(name, values, ours_of, plain_of, flops=flops, repeats=arguments.repeats)
    yield square_rate(arguments.repeats)


class Plain:
    """Products as numpy does them: bytes looked up as four float32 each, minus the means, times V or U by sgemm.

    Parameters
    ----------
    genotypes
        A whole fileset.
    """

    def __init__(self, genotypes: PackedGenotypes) -> None:
        import numpy as np

        from genialearn.genotypes import allele_frequencies

        self.packed, self.n_animals = genotypes.packed, genotypes.shape[0]
        self.means = (2 * allele_frequencies(genotypes)).astype(np.float32)
        copies = np.array([2, np.nan, 1, 0], dtype=np.float32)
        self.by_byte = copies[np.arange(256)[:, None] >> np.arange(0, 8, 2) & 3]
        self.any_missing = False
        self.any_missing = any(np.isnan(block).any() for _, block in self.blocks())

    def times_animal_values(self, values: np.ndarray) -> np.ndarray:
        """Return Z'V, shape (markers, columns)."""
        import numpy as np

        single = values.astype(np.float32)
        return np.concatenate([block @ single for _, block in self.blocks()])

    def times_marker_effects(self, effects: np.ndarray) -> np.ndarray:
        """Return ZU, shape (animals, columns)."""
        import numpy as np

        single = effects.astype(np.float32)
        out = np.zeros((self.n_animals, effects.shape[1]))
        for markers, block in self.blocks():
            out += block.T @ single[markers]
        return out

    def gram(self, values: np.ndarray) -> np.ndarray:
        """Return ZZ'V, shape (animals, columns); each block is looked up once."""
        import numpy as np

        single = values.astype(np.float32)
        out = np.zeros(values.shape)
        for _, block in self.blocks():
            out += block.T @ (block @ single)
        return out

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield blocks of Z', float32, shape (markers of the block, animals)."""
        import numpy as np

        for start in range(0, len(self.means), BLOCK):
            markers = slice(start, start + BLOCK)
            block = self.by_byte.take(self.packed[markers], axis=0).reshape(-1, 4 * self.packed.shape[1])
            block = block[:, : self.n_animals]
            block -= self.means[markers, None]
            if self.any_missing:
                np.nan_to_num(block, copy=False)
            yield markers, block


def compared(name: str, values: np.ndarray, ours_of: Product, plain_of: Product, *, flops: float, repeats: int) -> str:
    """Return one line of the table."""
    import numpy as np

    (ours_s, ours), (plain_s, plain) = best(ours_of, values, repeats), best(plain_of, values, repeats)
    difference = np.linalg.norm(ours - plain) / np.linalg.norm(plain)
    seconds = f"{ours_s:.4f} | {plain_s:.4f} | {plain_s / ours_s:.1f}"
    rates = f"{flops / ours_s / 1e9:.0f} | {flops / plain_s / 1e9:.0f}"
    return f"| {name} | {values.shape[1]} | {seconds} | {rates} | {difference:.0e} |"


def best(function: Product, values: np.ndarray, repeats: int) -> tuple[float, np.ndarray]:
    """Return the least seconds of several calls, after one that doesn't count, and the product."""
    time.sleep(REST)
    product = function(values)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(values)
        seconds.append(time.perf_counter() - start)
    return min(seconds), product


def square_rate(repeats: int) -> str:
    """Return the line of sgemm with square matrices."""
    import numpy as np

    square = np.ones((SQUARE, SQUARE), dtype=np.float32)
    seconds, _ = best(lambda matrix: matrix @ matrix, square, repeats)
    return f"| sgemm, {SQUARE} square | {SQUARE} | | {seconds:.4f} | | | {2 * SQUARE**3 / seconds / 1e9:.0f} | |"


if __name__ == "__main__":
    main()
