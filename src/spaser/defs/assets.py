"""The assets: each calls the pure function of its stage and runs the checks of its card."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from spaser.cards import Catalogue, TableCard, Text
from spaser.defs import specs
from spaser.defs.publishing import publish_years
from spaser.defs.resources import Run
from spaser.errors import Blocked
from spaser.quality import CheckResult, check_table
from spaser.scheme import input_files
from spaser.warehouse import Tables

Results = Iterator[dg.MaterializeResult[None]]

INPUTS = "quality/inputs"
VERDICTS = "indicators/verdicts"
CONCLUSIONS = ("indicators/duty", "quality/audits", "quality/proposals", "quality/actions")
"""What is concluded from results and verdicts: the duty, the audits, and what to do next."""

SUPPRESSION = ("indicators/figures", "quality/suppression")
"""Figures about people: what may be printed, and why the rest may not."""

BY_YEAR = ("indicators.results", "indicators.evidence", "indicators.verdicts", "indicators.duty")


@dataclass(frozen=True)
class Step:
    """One step of the graph: its name in Dagster, its title, and its assets."""

    name: str
    title: Text
    assets: dg.AssetsDefinition


def steps(catalogue: Catalogue, years: Sequence[str]) -> list[Step]:
    """Every step, in the order of the layers."""
    partitions = dg.StaticPartitionsDefinition(years)
    tables = {card.key: card for card in catalogue.tables.values()}
    built = [card for card in tables.values() if _is_built(catalogue, card)]
    books = [
        card
        for card in tables.values()
        if card.key.startswith("quality/")
        and card.key not in (INPUTS, *CONCLUSIONS, *SUPPRESSION)
        and card not in built
    ]
    return [
        _staging(catalogue, tables.get(INPUTS)),
        *(_table(catalogue, card) for card in built),
        _suppression(catalogue, tables),
        *([_books(catalogue, books, built)] if books else []),
        _indicators(catalogue, tables, partitions),
        _verdicts(catalogue, tables, partitions),
        _conclusions(catalogue, tables, partitions),
        _report(catalogue, tables, partitions),
    ]


def _is_built(catalogue: Catalogue, card: TableCard) -> bool:
    """Whether a step of its own makes the table: curated, facts, and some tables of quality."""
    from spaser import hours

    if card.key in hours.BUILDERS:
        return True
    has_sql = (catalogue.assets / f"{card.key}.sql").is_file()
    return card.key.startswith(("curated/", "facts/")) or (
        card.key.startswith("quality/") and has_sql and card.key not in CONCLUSIONS
    )


def _staging(catalogue: Catalogue, inputs: TableCard | None) -> Step:
    """Files as received → one staged table per kind of register."""
    cards = list(catalogue.sources.values())

    @dg.multi_asset(
        name="staged",
        specs=[
            *(specs.staged_spec(catalogue, card) for card in cards),
            *([specs.table_spec(catalogue, inputs, [])] if inputs else []),
        ],
        check_specs=specs.check_specs(inputs) if inputs else [],
    )
    def staged(run: Run) -> Results:
        from spaser import ingest

        tables = run.tables
        root = run.installation.root
        files = input_files(run.scheme, root)
        ingest.stage(files, tables, run.cards, root, run.mappings, run.scheme.only_buyer)
        for card in cards:
            key = specs.staged_key(card)
            yield _result(key, tables)
        if inputs:
            yield from _checked(run, [inputs])

    return Step("staged", Text(fr="Lecture des registres", en="Reading the registers"), staged)


def _table(catalogue: Catalogue, card: TableCard) -> Step:
    """One curated, facts or quality table; without `depends_on` it stands on the staged layer."""
    name = card.key.replace("/", "__")
    staged = [specs.staged_key(source) for source in catalogue.sources.values()]

    @dg.multi_asset(
        name=name,
        specs=[specs.table_spec(catalogue, card, card.depends_on or staged)],
        check_specs=specs.check_specs(card),
    )
    def table(run: Run) -> Results:
        from spaser import curate, hours

        if card.key in hours.BUILDERS:
            hours.build(run.tables, run.cards, card.key)
        else:
            curate.build(run.tables, run.cards, card.key, run.settings)
        yield from _checked(run, [card])

    return Step(name, card.title, table)


def _suppression(catalogue: Catalogue, tables: dict[str, TableCard]) -> Step:
    """Statistical secrecy: the only door through which figures about people come out."""
    cards = [tables[key] for key in SUPPRESSION]

    @dg.multi_asset(
        name="suppression",
        specs=[specs.table_spec(catalogue, card, card.depends_on) for card in cards],
        check_specs=_all_checks(cards),
    )
    def suppression(run: Run) -> Results:
        from spaser import privacy

        privacy.build(run.tables, run.cards)
        yield from _checked(run, cards)

    title = Text(fr="Secret statistique", en="Statistical secrecy")
    return Step("suppression", title, suppression)


def _books(catalogue: Catalogue, cards: Sequence[TableCard], built: Sequence[TableCard]) -> Step:
    """Findings, balances and the like: every step wrote its part, here they are checked."""
    deps = [*(card.key for card in built), *SUPPRESSION]

    @dg.multi_asset(
        name="quality",
        specs=[specs.table_spec(catalogue, card, card.depends_on or deps) for card in cards],
        check_specs=_all_checks(cards),
    )
    def quality(run: Run) -> Results:
        yield from _checked(run, cards)

    return Step("quality", Text(fr="Contrôles de qualité", en="Quality checks"), quality)


def _indicators(
    catalogue: Catalogue, tables: dict[str, TableCard], partitions: dg.StaticPartitionsDefinition
) -> Step:
    """One step, one output per axis, and the tables they fill.

    A card may read several fact tables: the scan of each is one, whatever the axes.
    """
    cards = sorted(catalogue.indicators.values(), key=lambda card: card.id)
    filled = [tables[key] for key in ("indicators/results", "indicators/evidence") if key in tables]
    axes = {
        f"indicators/{axis}": [card for card in cards if card.axis == axis]
        for axis in specs.AXES
        if any(card.axis == axis for card in cards)
    }
    facts = [*sorted({name for card in cards for name in card.fact_tables}), SUPPRESSION[0]]
    with _beta():
        decorate = dg.multi_asset(
            name="indicators",
            specs=[
                *(
                    specs.axis_spec(key.split("/")[1], of_axis, facts)
                    for key, of_axis in axes.items()
                ),
                *(specs.table_spec(catalogue, card, facts) for card in filled),
            ],
            check_specs=_all_checks(filled),
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
            can_subset=True,
        )

    def indicators(context: dg.AssetExecutionContext, run: Run) -> Results:
        from spaser.indicators import compute, years_found

        for table in BY_YEAR:
            run.tables.keep_only(table, [f"year={key}" for key in partitions.get_partition_keys()])
        chosen = {key.to_user_string() for key in context.selected_asset_keys}
        picked = [key.split("/")[1] for key in axes if key in chosen]
        found = years_found(run.tables)
        years = [
            year
            for year in map(int, context.partition_keys)
            if run.scheme.period is not None or year in found
        ]
        compute(run.tables, run.cards, run.scheme, years, axes=picked or None)
        for key, of_axis in axes.items():
            if key in chosen:
                yield dg.MaterializeResult(
                    asset_key=specs.path_of(key),
                    metadata={"cards": {card.id: card.method_version for card in of_axis}},
                )
        yield from _checked(run, [card for card in filled if card.key in chosen])

    title = Text(fr="Calcul des indicateurs", en="Computing the indicators")
    return Step("indicators", title, decorate(indicators))


def _verdicts(
    catalogue: Catalogue, tables: dict[str, TableCard], partitions: dg.StaticPartitionsDefinition
) -> Step:
    """The objectives judged."""
    card = tables[VERDICTS]
    with _beta():
        decorate = dg.multi_asset(
            name="verdicts",
            specs=[specs.table_spec(catalogue, card, _result_keys(catalogue, tables))],
            check_specs=specs.check_specs(card),
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )

    def verdicts(context: dg.AssetExecutionContext, run: Run) -> Results:
        from spaser.indicators import judge

        for year in context.partition_keys:
            judge(run.tables, run.cards, run.scheme, int(year))
        yield from _checked(run, [card])

    return Step("verdicts", Text(fr="Objectifs", en="Objectives"), decorate(verdicts))


def _conclusions(
    catalogue: Catalogue, tables: dict[str, TableCard], partitions: dg.StaticPartitionsDefinition
) -> Step:
    """What follows from the results: who is bound, what audits say, what to correct first."""
    cards = [tables[key] for key in CONCLUSIONS]
    earlier = [*_result_keys(catalogue, tables), VERDICTS, "quality/findings"]
    with _beta():
        decorate = dg.multi_asset(
            name="conclusions",
            specs=[specs.table_spec(catalogue, card, card.depends_on or earlier) for card in cards],
            check_specs=_all_checks(cards),
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )

    def conclusions(context: dg.AssetExecutionContext, run: Run) -> Results:
        from spaser.indicators import write_actions, write_duty
        from spaser.quality.audit import write_audits
        from spaser.quality.proposals import write_proposals

        years = [int(year) for year in context.partition_keys]
        for year in years:
            write_duty(run.tables, run.cards, run.scheme, year)
        write_audits(run.tables, run.installation, run.scheme)
        write_proposals(run.tables, run.installation, run.scheme)
        write_actions(run.tables, run.cards, run.scheme, years)
        yield from _checked(run, cards)

    title = Text(fr="Ce qu'il reste à faire", en="What is left to do")
    return Step("conclusions", title, decorate(conclusions))


def _report(
    catalogue: Catalogue, tables: dict[str, TableCard], partitions: dg.StaticPartitionsDefinition
) -> Step:
    """The report of each year and the published database, swapped in last."""
    quality = [key for key in tables if key.startswith("quality/")]
    deps = [*_result_keys(catalogue, tables), VERDICTS, "indicators/duty", *quality]
    deps += [key for key in tables if key.startswith("facts/")]
    with _beta():
        decorate = dg.multi_asset(
            name="report",
            specs=[specs.report_spec(deps)],
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )

    def report(context: dg.AssetExecutionContext, run: Run) -> Results:
        folders = publish_years(run, [int(year) for year in context.partition_keys])
        yield dg.MaterializeResult(
            asset_key="report",
            metadata={
                "folders": [str(folder) for folder in folders],
                "cards": {card.id: card.method_version for card in catalogue.indicators.values()},
            },
        )

    return Step("report", Text(fr="Rapport", en="Report"), decorate(report))


def _result_keys(catalogue: Catalogue, tables: dict[str, TableCard]) -> list[str]:
    axes = {f"indicators/{card.axis}" for card in catalogue.indicators.values()}
    filled = [key for key in ("indicators/results", "indicators/evidence") if key in tables]
    return [*sorted(axes), *filled]


def _all_checks(cards: Iterable[TableCard]) -> list[dg.AssetCheckSpec]:
    return [spec for card in cards for spec in specs.check_specs(card)]


def _checked(run: Run, cards: Sequence[TableCard]) -> Results:
    """The results of the tables just built, with their checks.

    Raises:
        Blocked: a check of severity ERROR failed; what is recorded stays recorded.
    """
    tables = run.tables
    outcomes = [(card, check_table(run.cards, card, tables)) for card in cards]
    for card, results in outcomes:
        yield _result(card.key, tables, [_check_result(card, result) for result in results])
    blocking = [result for _, results in outcomes for result in results if result.blocks]
    if blocking:
        raise blocked(blocking)


def blocked(results: Sequence[CheckResult]) -> Blocked:
    """The error that says which checks stopped the run."""
    fr = " ; ".join(_told(result, result.description.fr) for result in results)
    en = "; ".join(_told(result, result.description.en) for result in results)
    return Blocked(
        f"Arrêt sur contrôle bloquant, rien n'est publié : {fr} "
        "Le résultat précédent est gardé. Voir quality.findings.",
        f"Stopped by a blocking check, nothing is published: {en} "
        "The previous result is kept. See quality.findings.",
    )


def _told(result: CheckResult, description: str) -> str:
    samples = f" ({', '.join(result.samples)})" if result.samples else ""
    return f"[{result.table} · {result.name} × {result.unexpected_count}] {description}{samples}"


def _check_result(card: TableCard, result: CheckResult) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=result.passed,
        check_name=result.name,
        asset_key=specs.path_of(card.key),
        severity=dg.AssetCheckSeverity[result.severity],
        metadata={"unexpected": result.unexpected_count, "samples": list(result.samples)},
    )


def _result(
    key: str, tables: Tables, checks: Sequence[dg.AssetCheckResult] = ()
) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(
        asset_key=specs.path_of(key),
        metadata={"dagster/row_count": tables.rows(key.replace("/", "."))},
        check_results=list(checks),
    )


class _beta(warnings.catch_warnings):  # noqa: N801 (reads as a statement)
    """Single-run backfills are beta in Dagster; the graph snapshot would show a change."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore", dg.BetaWarning)
