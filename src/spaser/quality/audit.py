"""Audit samples: is what the register declares true in the contract documents?

`sample` draws contracts of one figure (code, year, scope, buyer; share in number) and writes the
workbook to be filled in; `import_audit` reads it back into `pipelines/<scheme>/audits/`, one file a
figure; `write_audits` estimates the real rates: `quality.audits`, printed beside the declared ones.

The draw is a function of the scheme, the figure and the seed: contracts are ranked by a hash of the
seed and their uid, and the first of each stratum are taken. Unlike a random generator's stream,
that depends on no version of a library, and a contract added later leaves the others' ranks alone.
"""

from __future__ import annotations

import csv
import hashlib
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
from babel.numbers import format_percent

from spaser.cards import IndicatorCard, Text, catalogue
from spaser.errors import InputError
from spaser.guards import unguarded, write_csv
from spaser.office import EURO, TEXT, Cell, Column, Number, add_sheet, new_book, save_book
from spaser.project import Project
from spaser.quality.correction_book import help_rows
from spaser.quality.estimate import Stratum, estimate
from spaser.quality.returned import Fault, Row, read_rows, read_yes_no, refuse
from spaser.scheme import Scheme
from spaser.values import normalise
from spaser.warehouse import Connection, Tables, session

SIZE = 60
"""Contracts drawn by default: half a day to a day of work on documents."""

LEAST = 10
"""Contracts drawn at least in each stratum, or all of it: a small one must not go unseen."""

METHOD, MEASURE = "default", "count"
YES, NO, UNKNOWN = "yes", "no", "unknown"
ROLES = {"numerator": YES, "denominator_only": NO, "unknown": UNKNOWN}
UNDETERMINABLE = "undeterminable"

ANSWERS = {
    YES: Text(fr="oui", en="yes"),
    NO: Text(fr="non", en="no"),
    UNKNOWN: Text(fr="inconnu", en="unknown"),
    UNDETERMINABLE: Text(fr="indéterminable", en="undeterminable"),
}
HEADS = {
    "uid": Text(fr="Marché", en="Contract"),
    "object": Text(fr="Objet", en="Object"),
    "buyer": Text(fr="Acheteur", en="Buyer"),
    "notified": Text(fr="Notifié le", en="Notified on"),
    "amount": Text(fr="Montant HT", en="Amount without VAT"),
    "declared": Text(fr="Déclaré", en="Declared"),
    "found": Text(fr="Constaté", en="Found"),
    "evidence": Text(fr="Pièce", en="Document"),
    "remark": Text(fr="Remarque", en="Remark"),
}
_WIDTHS = (30, 50, 28, 12, 16, 12, 16, 34, 40)
EDITABLE = frozenset({"found", "evidence", "remark"})

DRAW = {
    "uid": Text(fr="Marché", en="Contract"),
    "declared": Text(fr="Déclaré", en="Declared"),
    "code": Text(fr="Indicateur", en="Indicator"),
    "year": Text(fr="Année", en="Year"),
    "scope": Text(fr="Périmètre", en="Scope"),
    "buyer_id": Text(fr="SIRET de l’acheteur", en="Buyer SIRET"),
    "seed": Text(fr="Graine", en="Seed"),
    "as_of": Text(fr="Date d’arrêté", en="Reference date"),
    "declared_yes": Text(fr="Déclarés oui", en="Declared yes"),
    "declared_no": Text(fr="Déclarés non", en="Declared no"),
    "declared_unknown": Text(fr="Déclarés inconnus", en="Declared unknown"),
}
"""The draw, one row a contract: what the answers are read back against."""

COLUMNS = (*list(DRAW), "found", "evidence", "remark")
"""Columns of a file of `pipelines/<scheme>/audits/`."""


@dataclass(frozen=True)
class Draw:
    """One figure audited: which, when, how many contracts each declaration has."""

    code: str
    year: int
    scope: str
    buyer_id: str
    seed: str
    as_of: date
    sizes: Mapping[str, int]

    @property
    def name(self) -> str:
        """The figure's file name: what is the usual choice is left out."""
        parts = [self.code, str(self.year)]
        parts += [self.scope] if self.scope != "floor" else []
        parts += [self.buyer_id] if self.buyer_id != "*" else []
        return "-".join(parts)

    def row(self, uid: str, declared: str) -> list[object]:
        """The columns of `DRAW`."""
        figure = (self.code, self.year, self.scope, self.buyer_id, self.seed, self.as_of)
        return [uid, declared, *figure, *(self.sizes[answer] for answer in (YES, NO, UNKNOWN))]


# --- out ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SampleOutcome:
    """A sample written: the workbook, the draw, and how many contracts of each declaration."""

    path: Path
    draw: Draw
    drawn: Mapping[str, int]

    def told(self, language: str) -> str:
        """The outcome in words."""
        yes, no, unknown = (f"{self.drawn[a]}/{self.draw.sizes[a]}" for a in (YES, NO, UNKNOWN))
        if language == "en":
            return (
                f"Sample of {self.draw.code} {self.draw.year} in {self.path}: declared yes {yes}, "
                f"declared no {no}, unknown {unknown}. Fill in the column “Found”, then "
                "`spaser audit import`."
            )
        return (
            f"Échantillon de {self.draw.code} {self.draw.year} dans {self.path} : déclarés oui "
            f"{yes}, déclarés non {no}, inconnus {unknown}. Remplissez la colonne « Constaté », "
            "puis « spaser audit import »."
        )


def sample(
    tables: Tables,
    project: Project,
    scheme: Scheme,
    code: str,
    year: int,
    out: Path,
    *,
    size: int = SIZE,
    seed: str | None = None,
    scope: str = "floor",
    buyer: str = "*",
    language: str = "fr",
) -> SampleOutcome:
    """Draw contracts of a figure and write the workbook to be checked against documents.

    Args:
        tables: of the last run; the evidence of the year must be there.
        project: whose cards say what the indicator counts.
        scheme: who reports.
        code: an indicator that is a share in number.
        year: of first notification.
        out: the workbook.
        size: contracts to draw, those declared unknown apart.
        seed: null derives it from the scheme and the figure.
        scope: `floor`, `all`, with `_no_maxima` or not.
        buyer: a SIRET, or `*` for the whole scheme.
        language: of the workbook.

    Raises:
        InputError: unknown indicator or not a share, no evidence, no contract, or `out` cannot be
            written.
    """
    card = _card(project, code)
    if size < 1:
        raise InputError(
            f"--size {size} : il faut au moins un marché.", f"--size {size}: at least one contract."
        )
    seed = seed if seed is not None else derived_seed(scheme.name, code, year, scope, buyer)
    with session() as connection:
        units, as_of = _population(connection, tables, code, year, scope, buyer)
    chosen = draw_units(units, size, seed)
    sizes = {answer: sum(unit["declared"] == answer for unit in units) for answer in _DECLARED}
    draw = Draw(code, year, scope, buyer, seed, as_of, sizes)
    _write_book(project, scheme, card, draw, chosen, out, language)
    drawn = {answer: sum(unit["declared"] == answer for unit in chosen) for answer in _DECLARED}
    return SampleOutcome(out, draw, drawn)


_DECLARED = (YES, NO, UNKNOWN)


def derived_seed(*parts: object) -> str:
    """A seed that the scheme and the figure decide."""
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:12]


def draw_units(units: Sequence[dict[str, Any]], size: int, seed: str) -> list[dict[str, Any]]:
    """The units drawn, in the order of their ranks, which mixes the strata.

    Proportional to the strata's sizes, `LEAST` in each at least; the unknown are drawn apart, in
    the same proportion.
    """
    ranked = sorted(units, key=lambda unit: (_rank(seed, unit["uid"]), unit["uid"]))
    strata = {a: [u for u in ranked if u["declared"] == a] for a in _DECLARED}
    known = len(strata[YES]) + len(strata[NO])
    taken: list[dict[str, Any]] = []
    for answer, stratum in strata.items():
        whole = known or len(stratum)
        share = -(-size * len(stratum) // whole) if whole else 0
        count = len(stratum) if whole <= size and answer != UNKNOWN else max(share, LEAST)
        taken += stratum[:count]
    return sorted(taken, key=lambda unit: (_rank(seed, unit["uid"]), unit["uid"]))


def _rank(seed: str, uid: str) -> str:
    return hashlib.sha256(f"{seed}|{uid}".encode("utf-8", "surrogatepass")).hexdigest()


def _card(project: Project, code: str) -> IndicatorCard:
    cards = catalogue(project.assets).indicators
    shares = {
        name: card
        for name, card in cards.items()
        if card.fact_table == "facts.contracts"
        and any(
            method.name == METHOD
            and method.kind == "share"
            and any((r.measure, r.unit) == (MEASURE, "share") for r in method.results)
            for method in card.methods
        )
    }
    if code not in shares:
        known = ", ".join(sorted(shares))
        raise InputError(
            f"« {code} » n'est pas une part en nombre de marchés : on ne peut en tirer un "
            f"échantillon. Indicateurs possibles : {known}.",
            f"“{code}” is no share in number of contracts: no sample can be drawn from it. "
            f"Possible indicators: {known}.",
        )
    return shares[code]


def _population(
    connection: Connection, tables: Tables, code: str, year: int, scope: str, buyer: str
) -> tuple[list[dict[str, Any]], date]:
    needed = ("indicators.evidence", "facts.contracts", "curated.buyers", "quality.run")
    missing = [table for table in needed if not tables.exists(table)]
    rows: list[dict[str, Any]] = []
    if not missing:
        tables.attach(connection, needed)
        found = connection.execute(
            """select distinct e.unit_id, e.role, f.object, f.buyer_id, b.buyer_name,
                f.notified_date, f.amount_initial_eur
            from indicators.evidence e join facts.contracts f on f.uid = e.unit_id
            left join curated.buyers b on b.buyer_id = f.buyer_id
            where e.code = ? and e.method = ? and e.scope = ? and e.measure = ? and e.year = ?
                and (? = '*' or e.buyer_id = ?) and e.role in ('numerator', 'denominator_only',
                    'unknown')
            order by e.unit_id""",
            [code, METHOD, scope, MEASURE, year, buyer, buyer],
        ).fetchall()
        names = ("uid", "role", "object", "buyer_id", "buyer_name", "notified", "amount")
        rows = [dict(zip(names, row, strict=True)) for row in found]
    for row in rows:
        row["declared"] = ROLES[row["role"]]
    if not any(row["declared"] != UNKNOWN for row in rows):
        raise InputError(
            f"Aucun marché connu derrière {code} {year} (périmètre {scope}, acheteur {buyer}). "
            f"Vérifiez ces choix, ou lancez « spaser run … --year {year} ».",
            f"No known contract behind {code} {year} (scope {scope}, buyer {buyer}). "
            f"Check these choices, or run `spaser run … --year {year}`.",
        )
    [(as_of,)] = connection.execute("select max(as_of) from quality.run").fetchall()
    return rows, as_of


def _write_book(
    project: Project,
    scheme: Scheme,
    card: IndicatorCard,
    draw: Draw,
    chosen: Sequence[dict[str, Any]],
    out: Path,
    language: str,
) -> None:
    cards = catalogue(project.assets)
    english = language == "en"
    names = scheme.buyer_names()
    choices = tuple(ANSWERS[a].get(language) for a in (YES, NO, UNDETERMINABLE))
    columns = [
        Column(
            head.get(language),
            width,
            wrap=name in {"object", "remark"},
            editable=name in EDITABLE,
            choices=choices if name == "found" else (),
            form=TEXT if name in EDITABLE else None,
        )
        for (name, head), width in zip(HEADS.items(), _WIDTHS, strict=True)
    ]
    book = new_book(f"Audit {draw.code} {draw.year}")
    known = [unit for unit in chosen if unit["declared"] != UNKNOWN]
    unknown = [unit for unit in chosen if unit["declared"] == UNKNOWN]
    add_sheet(book, "To check" if english else "Contrôle", columns, _cells(known, names, language))
    if unknown:
        title = "Unknown" if english else "Inconnus"
        add_sheet(book, title, columns, _cells(unknown, names, language))
    method = [
        Column("Subject" if english else "Sujet", 26, wrap=True),
        Column("Text" if english else "Texte", 100, wrap=True),
    ]
    told: list[list[Cell]] = [
        [draw.code, card.labels.get(language)],
        ["Counts" if english else "Ce qui est compté", card.counts.get(language)],
        ["Population", card.population_text.get(language)],
    ]
    add_sheet(
        book,
        "Method" if english else "Méthode",
        method,
        told + help_rows(cards, language, "audit"),
    )
    draw_columns = [Column(head.get(language), 18, editable=False) for head in DRAW.values()]
    add_sheet(book, "Draw" if english else "Tirage", draw_columns, _draw_cells(draw, chosen))
    try:
        save_book(book, out, draw.as_of)
    except OSError as error:
        raise InputError(
            f"{out} : écriture impossible ({error.strerror}). Fermez le classeur s'il est ouvert.",
            f"{out}: cannot be written ({error.strerror}). Close the workbook if it is open.",
        ) from None


def _cells(
    units: Iterable[dict[str, Any]], names: Mapping[str, str], language: str
) -> list[list[Cell]]:
    return [
        [
            unit["uid"],
            unit["object"],
            names.get(unit["buyer_id"]) or unit["buyer_name"] or unit["buyer_id"],
            unit["notified"],
            Number(unit["amount"], EURO),
            ANSWERS[unit["declared"]].get(language),
            None,
            None,
            None,
        ]
        for unit in units
    ]


def _draw_cells(draw: Draw, chosen: Iterable[dict[str, Any]]) -> list[list[Cell]]:
    texts = (draw.row(unit["uid"], unit["declared"]) for unit in chosen)
    return [[str(value) for value in row] for row in texts]


# --- back ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What was found of a contract drawn; a null `found` was not answered."""

    uid: str
    declared: str
    found: str | None
    evidence: str | None
    remark: str | None


@dataclass(frozen=True)
class Audit:
    """A draw and its answers."""

    draw: Draw
    answers: tuple[Answer, ...]

    def stratum(self, declared: str) -> Stratum:
        """One stratum of the sample."""
        own = [answer for answer in self.answers if answer.declared == declared]
        return Stratum(
            size=self.draw.sizes[declared],
            drawn=len(own),
            yes=sum(answer.found == YES for answer in own),
            no=sum(answer.found == NO for answer in own),
        )

    def row(self) -> dict[str, Any]:
        """The row of `quality.audits`."""
        draw = self.draw
        strata = [self.stratum(YES), self.stratum(NO)]
        unknown = self.stratum(UNKNOWN)
        found = estimate(strata)
        checked = sum(stratum.checked for stratum in strata)
        agreeing = strata[0].yes + strata[1].no
        population = draw.sizes[YES] + draw.sizes[NO]
        return {
            "code": draw.code,
            "year": draw.year,
            "scope": draw.scope,
            "buyer_id": draw.buyer_id,
            "measure": MEASURE,
            "declared_value": _share(Fraction(draw.sizes[YES], population)),
            "estimated_value": _share(found.value),
            "low": _share(found.low),
            "high": _share(found.high),
            "sampled": sum(stratum.drawn for stratum in strata),
            "checked": checked,
            "undetermined": sum(stratum.undetermined for stratum in strata),
            "population": population,
            "declared_unknown": draw.sizes[UNKNOWN],
            "unknown_found": unknown.yes,
            "unknown_checked": unknown.checked,
            "agreement": _share(Fraction(agreeing, checked) if checked else None),
            "seed": draw.seed,
            "audited_on": draw.as_of,
        }


def _share(value: Fraction | None) -> Decimal | None:
    if value is None:
        return None
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return exact.quantize(Decimal("0.000001"))


_PERCENT = {"fr": "0.0\u00a0%", "en": "0.0%"}


@dataclass(frozen=True)
class AuditOutcome:
    """An audit recorded: its file and its row of `quality.audits`."""

    path: Path
    row: Mapping[str, Any]

    def told(self, language: str) -> str:
        """The outcome in words."""
        row = self.row
        declared, value, low, high = (
            "—" if row[name] is None else format_percent(row[name], _PERCENT[language], language)
            for name in ("declared_value", "estimated_value", "low", "high")
        )
        if language == "en":
            return (
                f"{row['code']} {row['year']}: declared {declared}, estimated on documents {value} "
                f"(between {low} and {high} at 95%); {row['checked']} contracts checked of "
                f"{row['sampled']} drawn, {row['undetermined']} without an answer. "
                f"Recorded in {self.path}; run `spaser run` to print it."
            )
        return (
            f"{row['code']} {row['year']} : déclaré {declared}, estimé sur pièces {value} (entre "
            f"{low} et {high} à 95 %) ; {row['checked']} marchés contrôlés sur {row['sampled']} "
            f"tirés, {row['undetermined']} sans réponse. Inscrit dans {self.path} ; lancez "
            "« spaser run » pour l'imprimer."
        )


def import_audit(project: Project, scheme: Scheme, file: Path) -> AuditOutcome:
    """Read a checked sample back and record it; a second import of the figure replaces the first.

    Raises:
        InputError: the workbook cannot be read, or a cell cannot be taken; every one is named and
            nothing is recorded.
    """
    drawn = read_rows(file, DRAW, tuple(DRAW))
    given = read_rows(file, HEADS, ("uid", "found"))
    faults: list[Fault] = []
    audit = _read_back(project, drawn, given, faults)
    refuse(file, faults)
    if audit is None:
        raise InputError(
            f"{file.name} : la feuille du tirage est vide. Repartez du classeur tiré.",
            f"{file.name}: the sheet of the draw is empty. Start again from the workbook drawn.",
        )
    path = _folder(project, scheme) / f"{audit.draw.name}.csv"
    lines = (
        [*audit.draw.row(a.uid, a.declared), a.found, a.evidence, a.remark] for a in audit.answers
    )
    try:
        write_csv(path, COLUMNS, lines)
    except OSError as error:
        raise InputError(
            f"{path} : écriture impossible ({error.strerror}). Vérifiez la place et les droits.",
            f"{path}: cannot be written ({error.strerror}). Check space and rights.",
        ) from None
    return AuditOutcome(path, audit.row())


def _folder(project: Project, scheme: Scheme) -> Path:
    return project.own(scheme.name) / "audits"


def _read_back(
    project: Project, drawn: Sequence[Row], given: Sequence[Row], faults: list[Fault]
) -> Audit | None:
    if not drawn:
        return None
    draw = _draw(project, drawn, faults)
    declared = {row.get("uid") or "": row.get("declared") or "" for row in drawn}
    if draw is not None:
        _check_draw(draw, drawn, declared, faults)
    found: dict[str, tuple[str | None, Row]] = {}
    for row in given:
        uid = row.get("uid")
        if uid is None or uid not in declared:
            fault = (
                f"« {uid or ''} » n'a pas été tiré : un marché ne se remplace pas par un autre",
                f"“{uid or ''}” was not drawn: no contract stands for another",
            )
            faults.append(Fault(row.place("uid"), *fault))
            continue
        answer = _answer(row, faults)
        first = found.setdefault(uid, (answer, row))
        if first[0] != answer:
            place = first[1].place("found")
            faults.append(Fault(row.place("found"), f"contredit {place}", f"contradicts {place}"))
    if draw is None or faults:
        return None
    answers = [_filled(uid, declared[uid], found.get(uid)) for uid in sorted(declared)]
    return Audit(draw, tuple(answers))


def _filled(uid: str, declared: str, found: tuple[str | None, Row] | None) -> Answer:
    if found is None:
        return Answer(uid, declared, None, None, None)
    answer, row = found
    return Answer(uid, declared, answer, row.get("evidence"), row.get("remark"))


def _answer(row: Row, faults: list[Fault]) -> str | None:
    text = row.get("found")
    if text is None:
        return None
    undeterminable = {normalise(ANSWERS[UNDETERMINABLE].fr), normalise(ANSWERS[UNDETERMINABLE].en)}
    if normalise(text) in undeterminable | {"inconnu", "unknown", "indetermine"}:
        return UNDETERMINABLE
    answer = read_yes_no(text, frozenset(), frozenset())
    if answer is None:
        fault = (
            f"« {text} » n'est ni oui, ni non, ni indéterminable",
            f"“{text}” is neither yes, nor no, nor undeterminable",
        )
        faults.append(Fault(row.place("found"), *fault))
        return None
    return YES if answer else NO


def _draw(project: Project, drawn: Sequence[Row], faults: list[Fault]) -> Draw | None:
    """The figure that every row of the draw repeats."""
    first = drawn[0]
    figure = [name for name in DRAW if name not in {"uid", "declared"}]
    for row in drawn:
        for name in figure:
            if row.get(name) != first.get(name):
                fault = ("le tirage a été modifié", "the draw was changed")
                faults.append(Fault(row.place(name), *fault))
                return None
    try:
        draw = Draw(
            code=first.get("code") or "",
            year=int(first.get("year") or ""),
            scope=first.get("scope") or "",
            buyer_id=first.get("buyer_id") or "",
            seed=first.get("seed") or "",
            as_of=date.fromisoformat(first.get("as_of") or ""),
            sizes={a: int(first.get(f"declared_{a}") or "") for a in _DECLARED},
        )
        _card(project, draw.code)
    except (ValueError, InputError):
        fault = ("le tirage n'est plus lisible", "the draw can no longer be read")
        faults.append(Fault(first.place("code"), *fault))
        return None
    return draw


def _check_draw(
    draw: Draw, drawn: Sequence[Row], declared: Mapping[str, str], faults: list[Fault]
) -> None:
    """The draw is whole and each stratum has at most its size."""
    counts = {answer: sum(d == answer for d in declared.values()) for answer in _DECLARED}
    odd = len(declared) != len(drawn) or sum(counts.values()) != len(drawn)
    safe = all(part.isalnum() or part in "-_" for part in draw.name.replace("*", ""))
    if odd or not safe or any(counts[a] > draw.sizes[a] for a in _DECLARED):
        fault = ("le tirage a été modifié", "the draw was changed")
        faults.append(Fault(drawn[0].place("uid"), *fault))


# --- table --------------------------------------------------------------------------------------

SCHEMA = pa.schema(
    [
        ("code", pa.string()),
        ("year", pa.int32()),
        ("scope", pa.string()),
        ("buyer_id", pa.string()),
        ("measure", pa.string()),
        *((n, pa.decimal128(9, 6)) for n in ("declared_value", "estimated_value", "low", "high")),
        *((name, pa.int32()) for name in ("sampled", "checked", "undetermined", "population")),
        *((n, pa.int32()) for n in ("declared_unknown", "unknown_found", "unknown_checked")),
        ("agreement", pa.decimal128(9, 6)),
        ("seed", pa.string()),
        ("audited_on", pa.date32()),
    ]
)


def write_audits(tables: Tables, project: Project, scheme: Scheme) -> int:
    """Write `quality.audits` from the recorded audits of a scheme; returns the number of rows.

    Raises:
        InputError: a recorded audit is damaged, or two are of the same figure.
    """
    audits: dict[str, Audit] = {}
    for path in sorted(_folder(project, scheme).glob("*.csv")):
        audit = read_audit(path)
        if audit.draw.name in audits:
            raise InputError(
                f"{path} : un autre fichier du dossier porte déjà sur {audit.draw.name}. "
                "Gardez-en un seul.",
                f"{path}: another file of the folder is about {audit.draw.name} already. "
                "Keep one of them.",
            )
        audits[audit.draw.name] = audit
    key = operator.itemgetter("code", "year", "scope", "buyer_id")
    rows = sorted((audit.row() for audit in audits.values()), key=key)
    with session() as connection:
        connection.register("audit_rows", pa.Table.from_pylist(rows, schema=SCHEMA))
        return tables.write(connection, "quality.audits", "select * from audit_rows")


def read_audit(path: Path) -> Audit:
    """A recorded audit.

    Raises:
        InputError: the file is damaged.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as content:
            rows = [
                {name: unguarded(text) for name, text in row.items()}
                for row in csv.DictReader(content, strict=True)
            ]
        first = rows[0]
        draw = Draw(
            code=first["code"],
            year=int(first["year"]),
            scope=first["scope"],
            buyer_id=first["buyer_id"],
            seed=first["seed"],
            as_of=date.fromisoformat(first["as_of"]),
            sizes={answer: int(first[f"declared_{answer}"]) for answer in _DECLARED},
        )
        audit = Audit(
            draw,
            tuple(
                Answer(
                    row["uid"],
                    row["declared"],
                    row["found"] or None,
                    row["evidence"] or None,
                    row["remark"] or None,
                )
                for row in rows
            ),
        )
        audit.row()
    except (ValueError, LookupError, TypeError, AttributeError, csv.Error) as error:
        told = " ".join(f"{type(error).__name__} {error}".split())[:200]
        raise InputError(
            f"{path} : contrôle illisible ({told}). Importez à nouveau le classeur rempli.",
            f"{path}: unreadable audit ({told}). Import the filled workbook again.",
        ) from None
    return audit
