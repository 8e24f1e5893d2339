"""Commands of the insertion clause."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from spaser.cli.face import SESSION, app, day_of, say
from spaser.errors import InputError
from spaser.project import find_project

clause_app = typer.Typer(
    no_args_is_help=True, help="Clause d'insertion. / Insertion clause of a contract."
)
app.add_typer(clause_app, name="clause")


@clause_app.command("size")
def size(
    amount: Annotated[
        str, typer.Argument(metavar="MONTANT", help="Montant HT en euros. / Amount without VAT.")
    ],
    trade: Annotated[
        str | None, typer.Option("--trade", metavar="MÉTIER", help="Ex. peinture. / Trade.")
    ] = None,
    labour_share: Annotated[
        str | None,
        typer.Option("--labour", metavar="PART", help="Part de main-d'œuvre, 0 à 1. / Labour."),
    ] = None,
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="TAUX", help="Taux d'insertion, 0 à 1. / Rate.")
    ] = None,
    hourly_cost: Annotated[
        str | None,
        typer.Option("--hourly-cost", metavar="EUROS", help="Coût d'une heure. / Hourly cost."),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option("--as-of", metavar="AAAA-MM-JJ", help="Jour des usages. / Day of the usages."),
    ] = None,
) -> None:
    """Calcule les heures d'insertion à inscrire au marché. / Sizes an insertion clause."""
    from spaser.cards import catalogue
    from spaser.hours.parameters import Settings
    from spaser.hours.size import clause_size

    rows = catalogue(find_project(SESSION.project).assets).reference("insertion_settings")
    sizing = clause_size(
        Settings.of(rows),
        _amount("MONTANT", amount),
        trade=trade,
        labour_share=_share("--labour", labour_share),
        insertion_rate=_share("--rate", rate),
        hourly_cost_eur=_amount("--hourly-cost", hourly_cost) if hourly_cost else None,
        on=day_of(on),
    )
    for words in (sizing.formula, sizing.explanation):
        say(words.fr, words.en)


def _amount(name: str, text: str) -> Decimal:
    """An amount without VAT as a person writes it: `1 000 000`, `1,2 M€`.

    Raises:
        InputError: it is no amount, or one with VAT.
    """
    from spaser.values import read_amount

    read = read_amount(text).value
    if read is None or read.tax_basis == "ttc":
        raise InputError(
            f"{name} : « {text} » n'est pas un montant hors taxes. Écrivez par exemple 250 000.",
            f"{name}: “{text}” is no amount without VAT. Write for instance 250 000.",
        )
    return read.eur


def _share(name: str, text: str | None) -> Decimal | None:
    """A share as a person writes it: `5 %`, `0,05`.

    Raises:
        InputError: it is no share.
    """
    from spaser.values import read_percent

    if text is None:
        return None
    share = read_percent(text).value
    if share is None:
        raise InputError(
            f"{name} : « {text} » n'est pas une part. Écrivez par exemple 5 %.",
            f"{name}: “{text}” is no share. Write for instance 5%.",
        )
    return share
