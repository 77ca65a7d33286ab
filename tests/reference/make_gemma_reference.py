"""Write what GEMMA 0.98.5 (Zhou and Stephens 2012, Nat Genet 44:821, doi:10.1038/ng.2310) finds in `cohort/`.

    apt-get install gemma
    python tests/reference/make_gemma_reference.py

`gemma/variances.tsv`: by REML of the linear mixed model, with and without the fixed effects herd and age.
`gemma/covariances.tsv`: of two or three traits at once, by its multivariate model (Zhou and Stephens 2014, Nat Methods
11:407, doi:10.1038/nmeth.2848), of the animals that have records of all of them.
`gemma/breeding_values.tsv`: of the records of each trait, by its ridge regression (`-bslmm 2`), which knows no fixed
effects; NA where there is no record.

GEMMA's relationships are K = XX'/p with X the dosages minus their means, missing ones at their means, and p markers.
VanRaden's are G = XX'/k with k = 2 sum f(1 - f). So s2g of G is vg k/p, and h2 = vg k/p / (vg k/p + ve). GEMMA's "pve"
instead multiplies vg by the mean diagonal of K, centred on the animals with a record. Likewise S_g of G is Vg k/p.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from bed_reader import open_bed

HERE = Path(__file__).parent
COHORT = HERE / "cohort"
TRAITS = ("milk", "fat", "stature")
ALL_MARKERS = ("-notsnp", "-maf", "0", "-miss", "1", "-hwe", "0", "-r2", "1")
TRAIT_SETS = ((0, 1), (0, 2), (1, 2), (0, 1, 2))
FIGURES = {"vg": "vg estimate in the null model", "ve": "ve estimate in the null model"}
FIGURES |= {"pve": "pve estimate in the null model", "pve_se": r"se\(pve\) in the null model"}


def gemma(folder: Path, *arguments: str) -> None:
    """Run GEMMA in a folder."""
    subprocess.run(["gemma", *arguments, "-outdir", str(folder)], cwd=folder, check=True, capture_output=True)


def rows_of(name: str) -> list[dict[str, str]]:
    """Return the rows of a table of the cohort."""
    with (COHORT / name).open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def write_fileset(folder: Path) -> None:
    """Write the PLINK fileset with the three traits in its .fam, and one without any missing record."""
    traits = {row["id"]: row for row in rows_of("traits.tsv")}
    lines = [line.split()[:5] for line in (COHORT / "genotypes.fam").read_text().splitlines()]
    records = [" ".join([*line, *(traits[line[1]][name] for name in TRAITS)]) for line in lines]
    everyone = [" ".join([*line, "1"]) for line in lines]
    for stem, fam in (("records", records), ("everyone", everyone)):
        for suffix in ("bed", "bim"):
            (folder / f"{stem}.{suffix}").write_bytes((COHORT / f"genotypes.{suffix}").read_bytes())
        (folder / f"{stem}.fam").write_text("\n".join(fam) + "\n")


def write_fixed_effects(folder: Path) -> None:
    """Write an intercept, all but the first herd, and age, one row an animal."""
    rows = rows_of("covariates.tsv")
    herds = sorted({row["herd"] for row in rows})[1:]
    columns = [["1", *(str(int(row["herd"] == herd)) for herd in herds), row["age"]] for row in rows]
    (folder / "fixed.txt").write_text("\n".join("\t".join(row) for row in columns) + "\n")


def variances(folder: Path, trait: int, *, fixed: bool) -> dict[str, str]:
    """Return GEMMA's REML estimates for one trait."""
    model = ["-lmm", "4", "-o", "lmm", *(["-c", "fixed.txt"] if fixed else [])]
    gemma(folder, *_records_of(trait), *model)
    log = (folder / "lmm.log.txt").read_text()
    return {name: _found(rf"## {words} = (\S+)", log) for name, words in FIGURES.items()}


def covariances(folder: Path, traits: tuple[int, ...], *, fixed: bool) -> list[list[str]]:
    """Return GEMMA's REML estimates for some traits: of each pair vg, its standard error, ve, its standard error."""
    model = ["-lmm", "1", "-nrp", "1e-8", "-o", "mvlmm", *(["-c", "fixed.txt"] if fixed else [])]
    gemma(folder, *_records_of(*traits), *model)
    log = (folder / "mvlmm.log.txt").read_text()
    columns = [_found(pattern, log).split() for matrix in ("Vg", "Ve") for pattern in _triangles(matrix)]
    return [list(row) for row in zip(*columns, strict=True)]


def _triangles(matrix: str) -> tuple[str, str]:
    """Return what finds the lower triangles of a matrix by REML and of its standard errors, which follow it."""
    triangle = r"((?:[-+.\de]+\s+)+)"
    estimate = rf"## REMLE estimate for {matrix} in the null model: \n"
    return estimate + triangle, rf"{estimate}[^#]+## se\({matrix}\): \n{triangle}"


def breeding_values(folder: Path, trait: int) -> list[str]:
    """Return GEMMA's breeding values of one trait, NA where there is no record."""
    gemma(folder, *_records_of(trait), "-bslmm", "2", "-o", "ridge")
    return (folder / "ridge.bv.txt").read_text().split()


def _records_of(*traits: int) -> list[str]:
    return ["-bfile", "records", "-k", "k.cXX.txt", "-n", *(str(trait + 1) for trait in traits), *ALL_MARKERS]


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"GEMMA's log has no line like {pattern!r}")
    return match[1]


def markers_per_divisor() -> tuple[int, float]:
    """Return p and k = 2 sum f(1 - f)."""
    with open_bed(COHORT / "genotypes.bed") as bed:
        f = np.nanmean(bed.read(dtype="float64"), axis=0) / 2
    return len(f), float(2 * np.sum(f * (1 - f)))


def h2(figures: dict[str, str]) -> float:
    """Return vg k/p / (vg k/p + ve)."""
    p, k = markers_per_divisor()
    genetic = float(figures["vg"]) * k / p
    return genetic / (genetic + float(figures["ve"]))


def write_variances(folder: Path, out: Path) -> None:
    """Write `variances.tsv`."""
    rows = [["trait", "fixed", *FIGURES, "h2"]]
    for trait, name in enumerate(TRAITS):
        for fixed in ("", "herd + age"):
            figures = variances(folder, trait, fixed=bool(fixed))
            rows.append([name, fixed, *figures.values(), f"{h2(figures):.6f}"])
    write_rows(out / "variances.tsv", rows)


def write_covariances(folder: Path, out: Path) -> None:
    """Write `covariances.tsv`."""
    rows = [["traits", "fixed", "one", "other", "vg", "vg_se", "ve", "ve_se"]]
    for traits in TRAIT_SETS:
        names = [TRAITS[trait] for trait in traits]
        pairs = [[names[i], names[j]] for i in range(len(names)) for j in range(i + 1)]
        for fixed in ("", "herd + age"):
            found = covariances(folder, traits, fixed=bool(fixed))
            rows += [[" ".join(names), fixed, *pair, *row] for pair, row in zip(pairs, found, strict=True)]
    write_rows(out / "covariances.tsv", rows)


def write_breeding_values(folder: Path, out: Path) -> None:
    """Write `breeding_values.tsv`."""
    columns = [[row["id"] for row in rows_of("traits.tsv")]]
    columns += [breeding_values(folder, trait) for trait in range(len(TRAITS))]
    write_rows(out / "breeding_values.tsv", [["id", *TRAITS], *(list(row) for row in zip(*columns, strict=True))])


def write_rows(path: Path, rows: list[list[str]]) -> None:
    """Write a tab-separated table."""
    path.write_text("".join("\t".join(row) + "\n" for row in rows))


def main(out: Path) -> None:
    """Run GEMMA and write its figures."""
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_fileset(folder)
        write_fixed_effects(folder)
        gemma(folder, "-bfile", "everyone", "-gk", "1", "-o", "k", *ALL_MARKERS)
        write_variances(folder, out)
        write_covariances(folder, out)
        write_breeding_values(folder, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "gemma")
