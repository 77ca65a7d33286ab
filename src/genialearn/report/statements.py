"""What a run found, in sentences: the same for the page and for the terminal."""

from __future__ import annotations

from genialearn.errors import examples
from genialearn.report.results import Results
from genialearn.report.summaries import Cost, Tally, costs, leader, mean_scores, shared_traits, tallies
from genialearn.report.wording import count, decimal, duration, listed, memory, setting, signed


def headline_lines(results: Results) -> list[str]:
    """Return the lines that the command line prints: the run, each model against each reference, what failed."""
    return [
        subject(results),
        *unfinished(results),
        *(_against(results, tally) for name in results.references for tally in tallies(results, name)),
        *_uncompared(results),
        *failed(results),
    ]


def subject(results: Results) -> str:
    """Return what was compared: `herd, simulated: 3,000 animals, 5,000 markers, 33 traits; split forward:0.2.`."""
    cohort = results.run.cohort
    name = title(results) + (", simulated" if cohort.simulated else "")
    sizes = [(cohort.n_animals, "animal"), (cohort.n_markers, "marker"), (len(results.traits), "trait")]
    split = results.run.settings.get("split")
    ending = f"; split {setting(split)}" if split else ""
    return f"{name}: {', '.join(count(size, noun) for size, noun in sizes if size)}{ending}."


def title(results: Results) -> str:
    """Return the name of the cohort, else of the run folder."""
    return results.run.cohort.name or results.folder.name


def unfinished(results: Results) -> list[str]:
    """Return the sentence that a run isn't finished, or nothing."""
    return [] if results.run.finished else ["The run isn't finished: these are its results so far."]


def statement(tally: Tally) -> str:
    """Return `better on 12, equal on 20 and worse on 1 of 33 traits`."""
    verdicts = f"better on {tally.better}, equal on {tally.equal} and worse on {tally.worse}"
    return f"{verdicts} of {count(tally.compared, 'trait')}"


def spent(cost: Cost | None) -> str:
    """Return the time and memory that a model took: `8 min 12 s, 3.1 GiB`."""
    return f"{duration(cost.wall_s)}, {memory(cost.peak_rss_mib)}" if cost else "time and memory not measured"


def lede(results: Results) -> str:
    """Return the one sentence to remember."""
    if not results.references:
        return _nothing_compared(results)
    reference = results.references[0]
    best = leader(tallies(results, reference))
    if best.better == 0:
        return f"No model is better than {reference} on any of {count(best.compared, 'trait')}."
    mean = f"with a mean difference in r of {signed(best.mean_difference)}"
    return f"{best.model} gains most over {reference}: {statement(best)}, {mean}."


def failed(results: Results) -> list[str]:
    """Return the sentence that counts the cells that failed, with examples, or nothing."""
    failures = results.failures
    if failures.empty:
        return []
    cells = [f"{model} on {split}" for model, split in zip(failures["model"], failures["split"], strict=True)]
    return [f"{count(len(cells), 'cell')} failed and left no results: {examples(cells)}."]


def _against(results: Results, tally: Tally) -> str:
    mean = f"mean difference in r {signed(tally.mean_difference)}"
    cost = spent(costs(results).get(tally.model))
    return f"{tally.model} against {tally.reference}: {statement(tally)}; {mean}; {cost}."


def _uncompared(results: Results) -> list[str]:
    compared = set(results.comparisons["model"])
    means, took = mean_scores(results), costs(results)
    traits = count(shared_traits(results), "trait")
    return [
        f"{model}: mean r {decimal(means[model])} over {traits}; {spent(took.get(model))}."
        for model in means.index
        if model not in compared
    ] + ([] if results.references else [_nothing_compared(results)])


def _nothing_compared(results: Results) -> str:
    scored = [str(model) for model in mean_scores(results).index]
    if len(scored) == 1:
        return f"Only {scored[0]} has scores: there is nothing to compare it with."
    if scored:
        return f"{listed(scored)} have scores, but no comparison between them was saved."
    return "No model has scores yet."
