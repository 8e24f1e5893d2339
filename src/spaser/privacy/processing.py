"""The entry of the register of processing (RGPD art. 30), written from what is really done.

What is kept comes from the cards, durations and thresholds from their reference tables, and the
measures of security are looked at on this installation. Purposes, legal basis and recipients are
the texts of `reports/traitements.yml`, each with its source and status. What only
the controller can say is printed “à compléter”, never made up.

It holds no key, no pseudonym and no count of people.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from spaser import __version__
from spaser.cards import (
    PEOPLE_FEEDS,
    Catalogue,
    Model,
    RegisterField,
    TableCard,
    Text,
    load_yaml,
    parse,
)
from spaser.errors import InputError, SpaserError
from spaser.privacy.documents import Cell, Entry, Section, Table
from spaser.privacy.purge import read_log
from spaser.privacy.retention import retention, retention_rules, staged_tables
from spaser.project import Project
from spaser.pseudonyms import KEY_VARIABLE, key_file, load_key
from spaser.scheme import Scheme
from spaser.warehouse import Tables, open_database, session


class Statement(Model):
    """A sentence of the register, with the text it rests on; without one, a rule of ours."""

    text: Text
    source: str = ""
    status: Literal["verified", "to_check", ""] = ""


class Zone(Model):
    """Where data lies, what is there, and who may read it."""

    name: Text
    holds: Text
    who: Text


class Part(Model):
    """The words above the tables of a section."""

    title: Text
    lead: Text


class Texts(Model):
    """`reports/traitements.yml`."""

    title: Text
    intro: Text
    sections: dict[str, Part]
    rules: dict[str, Text]
    axes: dict[str, Text]
    purposes: tuple[Statement, ...]
    basis: tuple[Statement, ...]
    persons: tuple[Statement, ...]
    sensitive: tuple[Statement, ...]
    origins: tuple[Statement, ...]
    zones: tuple[Zone, ...]
    transfers: tuple[Statement, ...]
    rights: tuple[Statement, ...]
    measures: tuple[Statement, ...]


def processing_entry(
    project: Project, catalogue: Catalogue, scheme: Scheme, on: date, language: str
) -> Entry:
    """The entry of a scheme on a day, in a language.

    Raises:
        InputError: a reference table cannot be read.
    """
    place = catalogue.assets.parent / "reports" / "traitements.yml"
    texts = parse(Texts, load_yaml(place), "reports/traitements.yml")
    writer = _Writer(project, catalogue, scheme, on, language, texts)
    return Entry(
        language=language,
        on=on,
        accent=scheme.report.accent,
        title=texts.title.get(language),
        scheme=scheme.title.get(language),
        intro=texts.intro.get(language),
        facts=writer.facts(),
        sections=writer.sections(),
    )


class _Writer:
    """Puts the entry together."""

    def __init__(
        self,
        project: Project,
        catalogue: Catalogue,
        scheme: Scheme,
        on: date,
        language: str,
        texts: Texts,
    ) -> None:
        self.project, self.catalogue, self.scheme = project, catalogue, scheme
        self.on, self.language, self.texts = on, language, texts
        self.tables = Tables(project.curated(scheme.name))

    def say(self, fr: str, en: str) -> str:
        return en if self.language == "en" else fr

    def missing(self) -> Cell:
        return Cell(self.say("à compléter", "to complete"), "to_complete")

    def status(self, value: str) -> Cell:
        if value == "verified":
            return Cell(self.say("vérifié", "verified"), "verified")
        return Cell(self.say("à vérifier", "to check"), "to_check") if value else Cell("—")

    def facts(self) -> tuple[tuple[str, Cell], ...]:
        names = ", ".join(self.scheme.buyer_names().values())
        return (
            (
                self.say("Responsable du traitement", "Controller"),
                self._given("controller"),
            ),
            (
                self.say("Délégué à la protection des données", "Data protection officer"),
                self._given("dpo"),
            ),
            (self.say("Acheteurs du schéma", "Buyers of the scheme"), Cell(names or "—")),
            (self.say("État au", "State on"), Cell(self._day(self.on))),
            (self.say("Programme", "Program"), Cell(f"spaser {__version__}")),
        )

    def _given(self, key: str) -> Cell:
        """What the scheme file says of the authority: a role or a department, never a name."""
        value: object = getattr(self.scheme, key, None)
        return Cell(str(value)) if value else self.missing()

    def _day(self, day: date) -> str:
        return day.isoformat() if self.language == "en" else f"{day:%d/%m/%Y}"

    def sections(self) -> tuple[Section, ...]:
        texts = self.texts
        return (
            self._section(
                "finalites",
                self._statements(("Finalités", "Purposes"), texts.purposes),
                self._statements(("Base légale", "Legal basis"), texts.basis),
            ),
            self._section(
                "donnees",
                self._statements(("Personnes concernées", "Persons concerned"), texts.persons),
                self._statements(("Données sensibles", "Sensitive data"), texts.sensitive),
                self._statements(("Origine des données", "Sources of the data"), texts.origins),
                self._fields(),
                self._kept(),
            ),
            self._section(
                "destinataires",
                self._zones(),
                self._statements(
                    ("Transferts hors de l'Union", "Transfers out of the Union"), texts.transfers
                ),
            ),
            self._section("durees", self._retention(), self._purges()),
            self._section("secret", self._suppression()),
            self._section(
                "securite",
                self._statements(
                    ("Mesures du programme", "Measures of the program"), texts.measures
                ),
                self._installation(),
            ),
            self._section(
                "droits",
                self._statements(("Exercice des droits", "Exercise of rights"), texts.rights),
                self._contacts(),
            ),
        )

    def _section(self, anchor: str, *tables: Table) -> Section:
        part = self.texts.sections[anchor]
        return Section(anchor, part.title.get(self.language), part.lead.get(self.language), tables)

    def _table(
        self,
        caption: tuple[str, str],
        heads: Sequence[tuple[str, str]],
        rows: Iterable[Sequence[Cell]],
    ) -> Table:
        named = tuple(self.say(*head) for head in heads)
        return Table(self.say(*caption), named, tuple(tuple(row) for row in rows))

    def _statements(self, caption: tuple[str, str], statements: Sequence[Statement]) -> Table:
        rows = [
            (
                Cell(statement.text.get(self.language)),
                Cell(statement.source or "—"),
                self.status(statement.status),
            )
            for statement in statements
        ]
        return self._table(
            caption, (("Mention", "Entry"), ("Source", "Source"), ("État", "Status")), rows
        )

    def _fields(self) -> Table:
        feeds = {
            "hours": ("relevé d'heures", "hour log"),
            "participants": ("fiche de participant", "participant sheet"),
        }
        rows = []
        seen: dict[str, list[str]] = {}
        for feed in PEOPLE_FEEDS:
            for name, known in self.catalogue.fields_of(feed).items():
                if self._is_about_person(known):
                    seen.setdefault(name, []).append(self.say(*feeds[feed]))
        for name, sources in seen.items():
            known = next(
                fields[name]
                for feed in PEOPLE_FEEDS
                if name in (fields := self.catalogue.fields_of(feed))
            )
            label = self.say(known.label_fr, known.label_en)
            rows.append((Cell(label), Cell(", ".join(sources)), Cell(self._becomes(known))))
        return self._table(
            ("Données reçues sur les personnes", "Data received about persons"),
            (
                ("Donnée", "Item"),
                ("Reçue dans", "Received in"),
                ("Gardée sous forme de", "Kept as"),
            ),
            rows,
        )

    def _is_about_person(self, known: RegisterField) -> bool:
        columns = self.catalogue.tables["curated/participants"].columns
        column = columns.get(known.field)
        return known.kind in ("person", "birth_year") or bool(column and column.about_person)

    def _becomes(self, known: RegisterField) -> str:
        if known.kind == "person":
            return self.say(
                "pseudonyme (HMAC-SHA-256, clé hors du projet)",
                "pseudonym (HMAC-SHA-256, key outside the project)",
            )
        if known.kind == "birth_year":
            return self.say("tranche d'âge ; la date est oubliée", "age band; the date is dropped")
        if known.kind in ("code", "codes"):
            return self.say("code d'une liste fermée", "code of a closed list")
        return {
            "date": self.say("date", "date"),
            "boolean": self.say("oui, non ou inconnu", "yes, no or unknown"),
        }.get(known.kind, self.say("texte", "text"))

    def _kept(self) -> Table:
        cards = sorted(self._people_tables(), key=lambda card: card.key)
        rows = [
            (
                Cell(f"{card.title.get(self.language)} ({card.table})"),
                Cell(card.description.get(self.language)),
                Cell(
                    ", ".join(
                        # What follows a semicolon says how the column is to be read.
                        column.description.get(self.language).split(";")[0].strip()
                        for column in card.columns.values()
                        if column.about_person
                    )
                ),
            )
            for card in cards
        ]
        return self._table(
            (
                "Tables et colonnes de la zone restreinte",
                "Tables and columns of the restricted zone",
            ),
            (("Table", "Table"), ("Contenu", "Content"), ("Sur la personne", "About the person")),
            rows,
        )

    def _people_tables(self) -> list[TableCard]:
        return [
            card
            for card in self.catalogue.tables.values()
            if card.restricted or any(column.about_person for column in card.columns.values())
        ]

    def _zones(self) -> Table:
        rows = [
            (
                Cell(zone.name.get(self.language)),
                Cell(zone.holds.get(self.language)),
                Cell(zone.who.get(self.language)),
            )
            for zone in self.texts.zones
        ]
        return self._table(
            ("Zones et destinataires", "Zones and recipients"),
            (("Zone", "Zone"), ("Ce qui s'y trouve", "What is there"), ("Lecteurs", "Readers")),
            rows,
        )

    def _retention(self) -> Table:
        rules = retention_rules(self.catalogue.reference("retention_rules"), self.on)
        rows = [
            (
                Cell(self.say(rule.label_fr, rule.label_en)),
                Cell("—" if rule.months is None else f"{rule.months} {self.say('mois', 'months')}"),
                Cell(self.say(rule.starts_fr, rule.starts_en) or "—"),
                Cell(self.say(rule.ends_fr, rule.ends_en)),
                Cell(rule.source),
                self.status(rule.status),
            )
            for rule in rules.values()
        ]
        heads = (
            ("Données", "Data"),
            ("Durée", "Duration"),
            ("À partir de", "Starting from"),
            ("Ensuite", "Then"),
            ("Source", "Source"),
            ("État", "Status"),
        )
        return self._table(("Règles de conservation", "Retention rules"), heads, rows)

    def _purges(self) -> Table:
        log = read_log(self.tables)
        rows = [
            (
                Cell(self._day(date.fromisoformat(line["done_on"]))),
                Cell(self._day(date.fromisoformat(line["as_of"]))),
                Cell(f"{line['rule_months']} {self.say('mois', 'months')}"),
                Cell(line["files_deleted"]),
            )
            for line in reversed(log)
        ]
        none = self.say("Aucun effacement à ce jour", "No erasure so far")
        heads = (
            ("Fait le", "Done on"),
            ("Échéances au", "Due on"),
            ("Durée appliquée", "Duration applied"),
            ("Fichiers supprimés", "Files deleted"),
        )
        empty = [(Cell(none), Cell("—"), Cell("—"), Cell("—"))]
        return self._table(("Effacements faits", "Erasures done"), heads, rows or empty)

    def _suppression(self) -> Table:
        rows = []
        for row in self.catalogue.reference("suppression_rules"):
            first, last = row["valid_from"], row["valid_to"] or date.max.isoformat()
            if row["rule"] in _STRUCTURE or not first <= self.on.isoformat() <= last:
                continue
            known = self.texts.rules.get(row["rule"])
            words = known.get(self.language) if known else f"{row['rule']} = {{value}}"
            where = self._place(row["dimension"], row["member"])
            rows.append(
                (
                    Cell(words.replace("{value}", self._value(row["rule"], row["value"]))),
                    Cell(where),
                    Cell(row["source"]),
                    self.status(row["status"]),
                )
            )
        heads = (("Règle", "Rule"), ("Où", "Where"), ("Source", "Source"), ("État", "Status"))
        return self._table(("Seuils en vigueur", "Thresholds in force"), heads, rows)

    def _place(self, axis: str, member: str) -> str:
        """An axis and its member in words, with the labels of the code lists."""
        if axis == "*":
            return self.say("partout", "everywhere")
        known = self.texts.axes.get(axis)
        name = known.get(self.language) if known else axis
        labels = {
            row["code"]: row[f"label_{self.language}"]
            for row in self.catalogue.reference("code_lists")
            if row["field"] == ("criteria" if axis == "criterion" else axis)
        }
        return name if member == "*" else f"{name} : {labels.get(member, member)}"

    def _value(self, rule: str, text: str) -> str:
        if not rule.endswith("_share"):
            return text
        percent = f"{Decimal(text) * 100:f}".rstrip("0").rstrip(".")
        return f"{percent}%" if self.language == "en" else f"{percent.replace('.', ',')} %"

    def _installation(self) -> Table:
        looks: tuple[Callable[[], tuple[str, Cell]], ...] = (
            self._key,
            self._pseudonyms,
            self._database,
            self._rights,
            self._overdue,
        )
        rows = [(Cell(what), found) for what, found in (look() for look in looks)]
        return self._table(
            ("Vérifié sur cette installation", "Checked on this installation"),
            (("Mesure", "Measure"), ("Constat", "Found")),
            rows,
        )

    def _key(self) -> tuple[str, Cell]:
        path = key_file()
        place = (
            self.say(f"fichier nommé par {KEY_VARIABLE}", f"file named by {KEY_VARIABLE}")
            if os.environ.get(KEY_VARIABLE, "").strip()
            else self.say(
                "dossier de configuration de l'utilisateur", "the user's configuration folder"
            )
        )
        what = self.say(
            f"Clé des pseudonymes hors du projet ({place})",
            f"Key of pseudonyms outside the project ({place})",
        )
        if not path.exists():
            return what, self._doubt("pas encore créée", "not made yet")
        try:
            load_key(path, self.project.root)
        except SpaserError:
            return what, self._failed(
                "à corriger : place, droits ou contenu ; « spaser run » dit quoi faire",
                "to correct: place, rights or content; `spaser run` says what to do",
            )
        return what, self._passed(
            "en place, lisible par son seul propriétaire", "in place, readable by its owner alone"
        )

    def _pseudonyms(self) -> tuple[str, Cell]:
        what = self.say(
            "Aucun identifiant d'origine dans les tables", "No original id in the tables"
        )
        staged = staged_tables(self.tables, self.catalogue)
        if not staged:
            return what, self._doubt("aucune table à ce jour", "no table so far")
        with session() as connection:
            for _, table in staged:
                [(odd,)] = connection.execute(
                    f"select count(*) from {self.tables.scan(table)} "
                    "where not regexp_full_match(person_id, '[0-9a-f]{32}')"
                ).fetchall()
                if odd:
                    return what, self._failed(
                        f"{odd} lignes à effacer dans {table}", f"{odd} rows to erase in {table}"
                    )
        return what, self._passed("vérifié", "verified")

    def _database(self) -> tuple[str, Cell]:
        what = self.say(
            "Aucune colonne sur une personne dans la base publiée (spaser.duckdb)",
            "No column about a person in the published database (spaser.duckdb)",
        )
        database = self.tables.root / "spaser.duckdb"
        if not database.is_file():
            return what, self._doubt("pas encore publiée", "not published yet")
        restricted = self.catalogue.restricted
        with open_database(database) as connection:
            rows = connection.execute(
                "select table_schema || '.' || table_name, column_name "
                "from information_schema.columns"
            ).fetchall()
        odd = sorted(
            {
                t
                for t, name in rows
                if t in restricted and (not restricted[t] or name in restricted[t])
            }
        )
        if odd:
            names = ", ".join(odd)
            return what, self._failed(f"à retirer : {names}", f"to be removed: {names}")
        return what, self._passed("vérifié", "verified")

    def _rights(self) -> tuple[str, Cell]:
        what = self.say(
            "Dossier des tables fermé aux autres comptes du poste",
            "Folder of the tables closed to other accounts of the computer",
        )
        folder = self.tables.root
        if os.name != "posix":
            return what, self._doubt(
                "à vérifier dans les propriétés du dossier", "to check in the folder's properties"
            )
        if not folder.is_dir():
            return what, self._doubt("pas encore créé", "not made yet")
        closed = any(not mode & (stat.S_IRWXO | stat.S_IRWXG) for mode in _modes(folder))
        if closed:
            return what, self._passed("vérifié", "verified")
        return what, self._failed(
            "à fermer : « chmod 700 » sur data/curated et data/raw",
            "to close: “chmod 700” on data/curated and data/raw",
        )

    def _overdue(self) -> tuple[str, Cell]:
        what = self.say("Aucune ligne au-delà de sa durée", "No line beyond its duration")
        try:
            due = retention(self.tables, self.catalogue, self.on).lines_due
        except InputError:
            return what, self._doubt("aucune table à ce jour", "no table so far")
        if due:
            return what, self._failed(
                "des lignes sont échues : lancez « spaser privacy purge »",
                "lines are due: run `spaser privacy purge`",
            )
        return what, self._passed("vérifié", "verified")

    def _contacts(self) -> Table:
        rows = [
            (
                Cell(
                    self.say("Adresse pour exercer ses droits", "Address to exercise one's rights")
                ),
                self.missing(),
            ),
            (
                Cell(
                    self.say(
                        "Mention d'information remise aux personnes",
                        "Information notice given to the persons",
                    )
                ),
                self.missing(),
            ),
            (
                Cell(
                    self.say(
                        "Analyse d'impact : date et avis", "Impact assessment: date and opinion"
                    )
                ),
                self.missing(),
            ),
        ]
        heads = (("Mention", "Entry"), ("Réponse", "Answer"))
        return self._table(
            ("À compléter par l'autorité", "For the authority to complete"), heads, rows
        )

    def _passed(self, fr: str, en: str) -> Cell:
        return Cell(self.say(fr, en), "passed")

    def _failed(self, fr: str, en: str) -> Cell:
        return Cell(self.say(fr, en), "failed")

    def _doubt(self, fr: str, en: str) -> Cell:
        return Cell(self.say(fr, en), "doubt")


def _modes(folder: Path) -> list[int]:
    """The rights of a folder and of those above it: one that is closed closes what it holds."""
    return [place.stat().st_mode for place in (folder, *folder.parents)]


_STRUCTURE = ("adds_up", "lists_part")
"""Rules that say how figures add up: no thresholds."""
