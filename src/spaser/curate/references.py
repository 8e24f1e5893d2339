"""Reference tables as the SQL of cards sees them (`reference.*`)."""

from __future__ import annotations

import pyarrow as pa

from spaser.cards import Catalogue
from spaser.scheme import Scheme
from spaser.warehouse import Connection


def register(connection: Connection, catalogue: Catalogue, scheme: Scheme) -> None:
    """Create `reference.amount_bands`, `reference.buyers`, `reference.scheme` and the macros."""
    connection.execute("create schema if not exists reference")
    bands = [
        {"code": row["code"], "from_eur": row["from_eur"], "to_eur": row["to_eur"] or None}
        for row in catalogue.reference("amount_bands")
    ]
    connection.register("amount_band_rows", pa.Table.from_pylist(bands))
    connection.execute(
        """create table reference.amount_bands as
        select code, cast(from_eur as decimal(18,2)) as from_eur,
            cast(to_eur as decimal(18,2)) as to_eur
        from amount_band_rows"""
    )
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
