"""Reference tables as the SQL of cards sees them (`reference.*`)."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from spaser.cards import Catalogue
from spaser.scheme import Scheme
from spaser.warehouse import Connection

_TYPED = {
    "amount_bands": {"from_eur": "decimal(18,2)", "to_eur": "decimal(18,2)"},
    "thresholds": {"valid_from": "date", "valid_to": "date", "value_ht": "decimal(18,2)"},
    "supplier_kinds": {
        "is_inclusive": "boolean",
        "is_inclusive_hub": "boolean",
        "list_required": "boolean",
    },
}
"""Reference tables that SQL reads, with the types of the columns that are no text."""


def _register_csv(
    connection: Connection, catalogue: Catalogue, name: str, types: Mapping[str, str]
) -> None:
    rows = [
        {column: text or None for column, text in row.items()} for row in catalogue.reference(name)
    ]
    connection.register(f"{name}_rows", pa.Table.from_pylist(rows))
    cast = ", ".join(f"cast({column} as {kind}) as {column}" for column, kind in types.items())
    connection.execute(
        f"create table reference.{name} as select * replace ({cast}) from {name}_rows"
    )


def register(connection: Connection, catalogue: Catalogue, scheme: Scheme) -> None:
    """Create the dated tables, the scheme and its buyers (`reference.*`), and the macros."""
    connection.execute("create schema if not exists reference")
    for name, types in _TYPED.items():
        _register_csv(connection, catalogue, name, types)
    names = [{"buyer_id": key, "buyer_name": name} for key, name in scheme.buyer_names().items()]
    schema = pa.schema([("buyer_id", pa.string()), ("buyer_name", pa.string())])
    connection.register("buyer_rows", pa.Table.from_pylist(names, schema=schema))
    connection.execute("create table reference.buyers as select * from buyer_rows")
    connection.execute(
        "create table reference.scheme as select cast(? as varchar) as scheme, "
        "cast(? as decimal(18,2)) as floor_eur, cast(? as boolean) as all_buyers",
        [scheme.name, scheme.floor_eur, scheme.buyers == "all"],
    )
    required = [
        {"field": field.field, "contract_column": field.contract_column}
        for field in catalogue.fields.values()
        if field.required
    ]
    connection.register("required_rows", pa.Table.from_pylist(required))
    connection.execute("create table reference.required_fields as select * from required_rows")
    connection.execute(_OBJECTS_OF)
    connection.execute(_CONSIDERATION)
    connection.execute(_SIRET_IS_VALID)


_OBJECTS_OF = """
create macro wrapped_objects(nested, name) as list_filter(
    json_extract(nested, '$[*].' || name), lambda o: json_type(o) = 'OBJECT');
create macro objects_of(nested, name) as case
    when not json_valid(nested) then null
    when len(wrapped_objects(nested, name)) = json_array_length(nested)
        then wrapped_objects(nested, name)
    else list_filter(
        list_concat(
            coalesce(json_extract(nested, '$[*].' || name), []),
            coalesce(json_extract(nested, '$[*].' || name || '[*]'), []),
            coalesce(json_extract(nested, '$.' || name || '[*]'), []),
            [json_extract(nested, '$.' || name)],
            coalesce(json_extract(nested, '$[*]'), []),
            coalesce(json_extract(nested, '$[*][*]'), [])
        ), lambda o: json_type(o) = 'OBJECT' and not json_exists(o, '$.' || name)) end
"""
"""The objects of a nested part, whatever its shape.

`[{"titulaire": {…}}]` is the official one and takes the short way; `[{…}]`, `{"titulaire": […]}`
and lists of lists are opened too; broken parts such as `{"titulaire": "id"}` give nothing.
"""


_CONSIDERATION = """
create macro consideration(listed, is_partial, wanted, is_from_decp, ticked) as case
    when ticked is not null and (ticked or coalesce(is_from_decp, false)) then ticked
    when list_contains(listed, wanted) then true
    when ticked is not null then ticked
    when is_partial then null
    else list_contains(listed, wanted) end
"""
"""Whether a consideration is present, from a list and from a yes/no column.

The own register's yes/no prevails over DECP's list; of one register a yes prevails over a no.
"""

_SIRET_IS_VALID = """
create macro doubled(digit) as 2 * digit - case when digit > 4 then 9 else 0 end;
create macro luhn_total(n) as
    (n % 10) + doubled((n // 10) % 10) + ((n // 100) % 10) + doubled((n // 1000) % 10) +
    ((n // 10000) % 10) + doubled((n // 100000) % 10) + ((n // 1000000) % 10) +
    doubled((n // 10000000) % 10) + ((n // 100000000) % 10) + doubled((n // 1000000000) % 10) +
    ((n // 10000000000) % 10) + doubled((n // 100000000000) % 10) +
    ((n // 1000000000000) % 10) + doubled((n // 10000000000000) % 10);
create macro digit_total(n) as
    n % 10 + (n // 10) % 10 + (n // 100) % 10 + (n // 1000) % 10 + (n // 10000) % 10 +
    (n // 100000) % 10 + (n // 1000000) % 10 + (n // 10000000) % 10 + (n // 100000000) % 10 +
    (n // 1000000000) % 10 + (n // 10000000000) % 10 + (n // 100000000000) % 10 +
    (n // 1000000000000) % 10 + (n // 10000000000000) % 10;
create macro siret_number_is_valid(n) as n >= 100000 and luhn_total(n // 100000) % 10 = 0 and case
    when n // 100000 = 356000000 and n <> 35600000000048 then digit_total(n) % 5 = 0
    else luhn_total(n) % 10 = 0 end;
create macro siret_is_valid(written) as coalesce(regexp_full_match(written, '[0-9]{14}')
    and siret_number_is_valid(try_cast(written as bigint)), false);
create macro signs_of(written) as regexp_replace(written, '[^0-9A-Za-z]', '', 'g');
create macro valid_siret(written) as case
    when regexp_full_match(signs_of(written), '[0-9]{13,14}')
        and siret_number_is_valid(try_cast(signs_of(written) as bigint))
        then lpad(signs_of(written), 14, '0') end;
create macro valid_siren(written) as case
    when regexp_full_match(signs_of(written), '[0-9]{9}') and signs_of(written) <> '000000000'
        and luhn_total(try_cast(signs_of(written) as bigint)) % 10 = 0
        then signs_of(written) end;
"""
"""Check digits of a SIREN and of a SIRET, in whole numbers: list functions took far longer. The
establishments of La Poste, its head office apart, add up to a multiple of five (DOMAIN §4.2).
`valid_siret`, written with spaces or without the leading zero that a spreadsheet lost, and
`valid_siren` are null where the check digits are wrong.
"""
