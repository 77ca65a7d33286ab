"""What GBLUP costs, and how right it is, by genialearn and by other tools: same data, same run, one after another.

    python benchmarks/gblup.py FOLDER [FOLDER ...] --out runs/gblup
    python benchmarks/gblup.py FOLDER --out runs/gblup --tool genialearn --tool bolt --trait T1 --trait T6 --threads 2

`benchmarks/README.md` describes the folders, and the columns of `gblup.tsv` and `gblup.md`, which --out gets. Tools
that aren't on PATH are left out; a tool that fails is a row that says why.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
from fair_environment import fair_environment
from gblup_data import BenchmarkData, read_folder
from gblup_tools import TOOLS, Job, Tool
from processes import CommandError, Cost, measure

from genialearn._arrays import as_ids
from genialearn.experiments.machine import describe_machine
from genialearn.genotypes import DenseGenotypes, MarkerMap, write_plink

COLUMNS = ["data", "animals", "markers", "tool", "fitted", "trait", "wall_s", "cpu_s", "peak_mib"]
COLUMNS += ["h2", "h2_true", "r", "does", "error"]
DECIMALS = {"wall_s": 1, "cpu_s": 1, "peak_mib": 0, "h2": 3, "h2_true": 3, "r": 3}
NOTES = """\
Whole processes, from start to exit, one at a time, {threads} threads each, one run. Peak memory is the resident memory
of all processes of a tool, sampled; it counts pages of a memory-mapped .bed. Genotypes were read once before, so that
no tool waits for the disk. genialearn ran once before on a tiny problem, so that its compiled loops are on disk, as
after any first use. h2 is the tool's own share of variance, h2_true that of the training animals. r is the correlation
of predictions and true genetic values of animals without records; where a tool gives marker effects, they were applied
to these animals unmeasured.
"""


def main() -> None:
    arguments = parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    tools = chosen_tools(arguments.tool)
    warm_up([tool for tool in tools if tool.name.startswith("genialearn")], arguments.threads)
    rows: list[dict[str, object]] = []
    for folder in arguments.folder:
        data = read_folder(folder)
        read_once(data)
        for tool, traits in runs(data, tools, arguments.trait):
            rows += measured(tool, data, traits, arguments)
            write_tables(pd.DataFrame(rows, columns=COLUMNS), arguments)
    print((arguments.out / "gblup.md").read_text())


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tool", action="append", choices=[tool.name for tool in TOOLS], help="default: all there are")
    parser.add_argument("--trait", action="append", help="default: the middle one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=float, default=3600, metavar="SECONDS", help="of each command")
    return parser.parse_args()


def chosen_tools(names: list[str] | None) -> list[Tool]:
    """Return the tools that were asked for, or all that are installed."""
    if names:
        return [tool for tool in TOOLS if tool.name in names]
    return [tool for tool in TOOLS if tool.executable is None or shutil.which(tool.executable)]


def runs(data: BenchmarkData, tools: Iterable[Tool], asked: list[str] | None) -> Iterator[tuple[Tool, list[str]]]:
    """Give each tool with the traits of each of its runs: all at once where it can, and each asked one alone."""
    everything = list(data.records)
    for tool in tools:
        if tool.together and len(everything) > 1:
            yield tool, everything
        for trait in asked_traits(data, asked) if tool.trait_matters else everything[:1]:
            yield tool, [trait]


def asked_traits(data: BenchmarkData, asked: list[str] | None) -> list[str]:
    """Return the asked traits that the data have, or the middle one."""
    names = list(data.records)
    return [name for name in asked or [] if name in names] or [names[len(names) // 2]]


def warm_up(tools: list[Tool], threads: int) -> None:
    """Run tools once on 60 animals, so that what they compile is kept for the measured runs; errors show later."""
    with tempfile.TemporaryDirectory() as name:
        data = tiny_data(Path(name))
        for tool in tools:
            run(tool, data, list(data.records), threads, limit_s=600)


def tiny_data(folder: Path) -> BenchmarkData:
    """Write 60 animals and 200 markers at random, and return them with two traits."""
    rng = np.random.default_rng(1)
    animals = as_ids([f"a{number}" for number in range(60)])
    dosages = np.asfortranarray(rng.integers(0, 3, (60, 200)).astype(np.int8))
    write_plink(folder / "geno", DenseGenotypes(animals, MarkerMap.numbered(200), dosages))
    records = pd.DataFrame(rng.standard_normal((60, 2)), index=animals, columns=["T1", "T2"])
    records.iloc[:10] = np.nan
    families = pd.Series(animals, index=animals)
    return BenchmarkData("tiny", folder / "geno", families, records, records, records.var(), 200, 22)


def read_once(data: BenchmarkData) -> None:
    """Read the genotypes, so that they are in the system's cache for the first tool as for the last."""
    with data.prefix.with_suffix(".bed").open("rb") as stream:
        while stream.read(1 << 24):
            pass


def measured(
    tool: Tool, data: BenchmarkData, traits: list[str], arguments: argparse.Namespace
) -> list[dict[str, object]]:
    """Return the rows of one run: one for each asked trait that it fitted."""
    print(f"{data.name}: {tool.name}, {fitted(tool, traits)}", flush=True)
    costs, found = run(tool, data, traits, arguments.threads, arguments.limit)
    same = {"data": data.name, "animals": len(data.records), "markers": data.n_markers, "tool": tool.name}
    same |= {"fitted": fitted(tool, traits), "does": tool.does, **costs}
    shown = [name for name in asked_traits(data, arguments.trait) if name in traits] if tool.trait_matters else [""]
    return [same | {"trait": name} | (found.get(name, {})) for name in shown]


def fitted(tool: Tool, traits: list[str]) -> str:
    """Return how many traits a run fitted, in words."""
    if not tool.trait_matters:
        return "none"
    return "1 trait" if len(traits) == 1 else f"{len(traits)} traits"


def run(
    tool: Tool, data: BenchmarkData, traits: list[str], threads: int, limit_s: float
) -> tuple[dict[str, object], dict[str, dict[str, float]]]:
    """Return what a run cost, or its error, and h2, h2_true and r of each trait."""
    if tool.executable and not shutil.which(tool.executable):
        return {"error": f"{tool.executable} is not on PATH"}, {}
    if tool.most_animals and len(data.records) > tool.most_animals:
        return {"error": f"left out: more than {tool.most_animals} animals"}, {}
    with tempfile.TemporaryDirectory() as name:
        job = Job(data, Path(name), traits, threads)
        try:
            tool.prepare(job)
            cost = run_commands(tool, job, limit_s)
        except (CommandError, OSError, ValueError) as error:
            return {"error": one_line(error)}, {}
        costs: dict[str, object] = {"wall_s": cost.wall_s, "cpu_s": cost.cpu_s, "peak_mib": cost.peak_mib}
        try:
            return costs, judged(tool, job)
        except Exception as error:  # whatever another tool wrote must not end the run
            return costs | {"error": f"unread: {one_line(error)}"}, {}


def run_commands(tool: Tool, job: Job, limit_s: float) -> Cost:
    """Run a tool's commands in turn; what each prints is log1.txt, log2.txt, ... in the job's folder."""
    cost = Cost(0.0, 0.0, 0.0)
    for number, command in enumerate(tool.commands(job), start=1):
        log = job.folder / f"log{number}.txt"
        cost += measure(command, log=log, environment=fair_environment(job.threads), limit_s=limit_s)
    return cost


def judged(tool: Tool, job: Job) -> dict[str, dict[str, float]]:
    """Return h2, h2_true and r of each fitted trait."""
    if not tool.trait_matters:
        return {}
    found, held_out = tool.read(job), job.data.held_out
    rows = {}
    for trait in job.traits:
        rows[trait] = {"h2": found.heritabilities[trait], "h2_true": float(job.data.heritabilities[trait])}
        values, truth = found.values.loc[held_out, trait], job.data.true_values.loc[held_out, trait]
        rows[trait]["r"] = float(values.corr(truth))
    return rows


def one_line(error: Exception) -> str:
    """Return an error in at most 200 characters that fit a table."""
    return " ".join(f"{type(error).__name__}: {error}".replace("|", "/").split())[:200]


def write_tables(table: pd.DataFrame, arguments: argparse.Namespace) -> None:
    """Write `gblup.tsv`, all digits, and `gblup.md`, for reading."""
    table.to_csv(arguments.out / "gblup.tsv", sep="\t", index=False)
    shown = table.drop(columns="does").astype(object)
    for column, decimals in DECIMALS.items():
        shown[column] = [f"{value:,.{decimals}f}" if pd.notna(value) else "" for value in table[column]]
    lines = [shown.columns, ["---"] * shown.shape[1], *shown.where(shown.notna(), "").astype(str).to_numpy()]
    rows = "".join("| " + " | ".join(line) + " |\n" for line in lines)
    does = "".join(f"- {row.tool}: {row.does}\n" for row in table.drop_duplicates("tool").itertuples())
    (arguments.out / "gblup.md").write_text(f"{machine()}\n\n{NOTES.format(threads=arguments.threads)}\n{rows}\n{does}")


def machine() -> str:
    """Return processor, cores, memory and our version, in words."""
    about = describe_machine()
    cores = f"{about['cores']} cores, {about['memory_gib']} GiB"
    return f"{processor()}, {cores}; genialearn {metadata.version('genialearn')}, Python {platform.python_version()}"


def processor() -> str:
    """Return the processor's name, where Linux tells it."""
    source = Path("/proc/cpuinfo")
    rows = source.read_text().splitlines() if source.exists() else []
    return next((row.partition(":")[2].strip() for row in rows if row.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
