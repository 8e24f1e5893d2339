"""Registers damaged at random: read with closed balances, or refused with one message."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from spaser.errors import InputError
from tests.curate.run import contract, open_balances, register, run_files
from tests.faults.conftest import CSV, WORKING_PLACES, command

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def _json() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        records = [contract(id=f"2024-00{n}", montant=1000.5 * n) for n in range(1, 4)]
        return register(Path(folder), "r.json", records).read_bytes()


XML = """<?xml version="1.0" encoding="UTF-8"?>
<marches><marche><id>2024-001</id><acheteur><id>00030001200010</id></acheteur>
<nature>Marché</nature><objet>Élagage</objet><codeCPV>77310000</codeCPV>
<techniques><technique>Sans objet</technique></techniques><montant>52000</montant>
<dateNotification>2024-05-02</dateNotification>
<considerationsSociales><considerationSociale>Clause sociale</considerationSociale>
</considerationsSociales><titulaires><titulaire><typeIdentifiant>SIRET</typeIdentifiant>
<id>00040001000013</id></titulaire></titulaires></marche></marches>
""".encode()

SEEDS = {"json": _json(), "xml": XML, "csv": CSV.encode(), "gzip": gzip.compress(_json())}

HOSTILE: dict[str, bytes] = {
    "text in the place of a comma": b'{"marches": {"marche": [{"id": "1" "objet": "x"}]}}',
    "nan in an open text": b'{"marches": {"marche": [{"id": NaN, "objet": " }, NaN]}}',
    "nan beside null": b'{"marches": {"marche": [{"id": nullNaN}]}}',
}
"""What this test once found, in its shortest form."""

PIECES = st.sampled_from(
    [
        *(
            b"",
            b"\0",
            b"\xff",
            b"\xe9",
            b'"',
            b"\\",
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b";",
            b"\n",
            b"\r",
        ),
        *(b"NaN", b"null", b"-1", b"9" * 40, b"1e999", b"<", b"&", b"\xef\xbb\xbf", b"\\ud800"),
        *(b"0000-00-00", b"2024-02-30", b"{}", b"[[]]", b'{"a": {}}', "é".encode(), b"''"),
    ]
)
PLACES = st.integers(0, 4000)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), PLACES, PLACES, PIECES),
        st.tuples(st.just("cut"), PLACES, PLACES, PIECES),
        st.tuples(st.just("double"), PLACES, PLACES, PIECES),
        st.tuples(st.just("replace"), PLACES, st.integers(1, 12), PIECES),
        st.tuples(st.just("end"), PLACES, PLACES, PIECES),
    ),
    min_size=1,
    max_size=4,
)


def mutated(content: bytes, changes: list[tuple[str, int, int, bytes]]) -> bytes:
    """The bytes after each change, places taken around the length."""
    for what, first, second, piece in changes:
        size = len(content) + 1
        start, stop = sorted((first % size, second % size))
        if what == "put":
            content = content[:start] + piece + content[start:]
        elif what == "cut":
            content = content[:start] + content[stop:]
        elif what == "double":
            content = content[:stop] + content[start:stop] + content[stop:]
        elif what == "replace":
            at = first % size
            content = content[:at] + piece + content[at + second :]
        else:
            content = content[: first % size]
    return content


def judge(content: bytes) -> bool:
    """Whether the register is read, with closed balances; False when it is refused as it should."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "registre.dat"
        file.write_bytes(content)
        refusal: InputError | None = None
        try:
            tables = run_files(Path(folder) / "built", [file])
        except InputError as error:
            refusal = error
        if refusal is None:
            assert open_balances(tables) == []
            return True
        assert "registre.dat" in refusal.fr
        assert "registre.dat" in refusal.en
        assert refusal.fr != refusal.en
        assert not WORKING_PLACES.search(refusal.fr + refusal.en), refusal
        return False


@pytest.mark.parametrize("form", SEEDS)
def test_the_seeds_are_read(form: str) -> None:
    assert judge(SEEDS[form])


@pytest.mark.parametrize("name", HOSTILE)
def test_what_was_once_a_fault_is_refused(name: str) -> None:
    assert not judge(HOSTILE[name])


@settings(
    max_examples=max(80, settings().max_examples),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(form=st.sampled_from(sorted(SEEDS)), changes=CHANGES)
def test_a_mutated_register_is_read_or_refused(
    form: str, changes: list[tuple[str, int, int, bytes]]
) -> None:
    judge(mutated(SEEDS[form], changes))


@settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # each example is a whole run: shrinking takes minutes
    suppress_health_check=[HealthCheck.too_slow],
)
@given(changes=CHANGES)
def test_the_command_publishes_or_refuses_it(changes: list[tuple[str, int, int, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "registre.json"
        file.write_bytes(mutated(SEEDS["json"], changes))
        said = command("try", str(file), "--out", str(Path(folder) / "out"))
        assert said.code == 0 or said.refuses()
