"""Registers that cannot be read: one message, exit code 2, the previous report untouched."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from tests.defs import small
from tests.faults.conftest import CSV, REGISTER, Ground

pytestmark = pytest.mark.faults

ONE = json.dumps(small.contract(1, "2023-05-10"), ensure_ascii=False)
DEEP = 100_000


def register(record: str) -> bytes:
    """A register of one record."""
    return ('{"marches": {"marche": [' + record + "]}}").encode()


def xml(doctype: str, inside: str = "") -> bytes:
    body = f"<marches><marche><id>{inside}</id></marche></marches>"
    return f'<?xml version="1.0"?>{doctype}{body}'.encode()


def laughs() -> bytes:
    """Nine entities of ten times the one before: a thousand million times "lol"."""
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return xml(f'<!DOCTYPE l [<!ENTITY l0 "lol">{levels}]>', "&l9;")


UNREADABLE: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "truncated json": (REGISTER[:-20], ("tronqué", "truncated", f"{len(REGISTER) - 20}")),
    "truncated json in a gzip": (gzip.compress(REGISTER[:-20]), ("tronqué", "truncated")),
    "truncated gzip": (gzip.compress(REGISTER)[:-15], ("gzip tronqué", "gzip truncated")),
    "gzip of two bytes": (b"\x1f\x8b", ("gzip tronqué", "gzip truncated")),
    "gzip bomb": (gzip.compress(b" " * (100 << 20)), ("gzip refusé", "gzip refused")),
    "gzip of nothing": (gzip.compress(b""), ("vide", "empty")),
    "gzip in gzip": (gzip.compress(gzip.compress(REGISTER)), ("archive",)),
    "parquet in name only": (b"PAR1" + b"x" * 99, ("illisible", "unreadable")),
    "parquet in name only in a gzip": (gzip.compress(b"PAR1" + b"x" * 99), ("unreadable",)),
    "encoding that changes": (
        '{"marches": {"marche": [{"objet": "é'.encode() + b'\xe9"}]}}',
        ("octet 37", "byte 37"),
    ),
    "truncated utf-16": (
        REGISTER.decode().encode("utf-16")[:-1],
        ("indéchiffrable", "undecodable"),
    ),
    "html page": (b"<!DOCTYPE html><html><body>504</body></html>", ("HTML", "page")),
    "empty file": (b"", ("vide", "empty")),
    "white space": (b" \r\n\t \n", ("vide", "empty")),
    "byte order mark alone": (b"\xef\xbb\xbf", ("vide", "empty")),
    "billion laughs": (laughs(), ("DTD", "entités", "entities")),
    "external entity": (
        xml('<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;"),
        ("DTD", "entités"),
    ),
    "parameter entity": (
        xml('<!DOCTYPE m [<!ENTITY % x SYSTEM "http://host.invalid/x"> %x;]>'),
        ("DTD", "entités"),
    ),
    "external dtd": (xml('<!DOCTYPE m SYSTEM "http://host.invalid/x.dtd">'), ("DTD",)),
    "truncated xml": (b"<marches><marche><id>1</id>", ("ligne 1", "line 1")),
    "brackets without end": (b"[" * DEEP, ("emboîtés", "nested")),
    "deep list in a record": (
        register(ONE[:-1] + ', "x": ' + "[" * DEEP + "]" * DEEP + "}"),
        ("emboîtés", "nested"),
    ),
    "deep objects in a record": (
        register(ONE[:-1] + ', "x": ' + '{"a": ' * DEEP + "1" + "}" * DEEP + "}"),
        ("emboîtés", "nested"),
    ),
    "deep xml": (
        b"<marches><marche>" + b"<a>" * DEEP + b"</a>" * DEEP + b"</marche></marches>",
        ("emboîtés", "nested"),
    ),
    "nul bytes": (REGISTER.replace(b"Entretien", b"Entre\0tien"), ("texte", "text")),
    "nul byte at the end": (REGISTER + b" " * 5000 + b"\0", ("illisible", "unreadable")),
    "half a surrogate": (
        register(ONE.replace("Entretien", "\\ud800")),
        ("illisible", "unreadable"),
    ),
    "a number alone": (b"12", ("Aucune source", "No known source")),
    "an empty object": (b"{}", ("Aucune source", "No known source")),
    "a list of no records": (b"[1, null, true]", ("Aucune source", "No known source")),
    "records without any contract": (b'{"marches": {"marche": []}}', ("aucune année", "no year")),
    "columns of nothing known": (b"a;b;c\n1;2;3\n", ("colonne A, colonne B, colonne C",)),
    "zip": (b"PK\x03\x04" + b"\0" * 40, ("archive",)),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_register_is_one_message(ground: Ground, name: str) -> None:
    content, words = UNREADABLE[name]
    ground.put("decp.json", content)
    said = ground.run().refuses(*words)
    if name != "records without any contract":
        assert "data/raw/small/decp.json" in said.fr
        assert "data/raw/small/decp.json" in said.en


def test_a_damaged_register_beside_good_ones_stops_all_and_every_one_is_named(
    ground: Ground,
) -> None:
    """Half a register would be a wrong figure; a web page beside is a finding and stops nothing."""
    ground.put("a.json", REGISTER[:-20])
    ground.put("b.json", gzip.compress(REGISTER)[:-15])
    ground.put("page.json", b"<html></html>")
    said = ground.run().refuses("a.json", "b.json")
    assert "page.json" not in said.fr
    assert "small/decp.json" not in said.fr
    assert len(said.fr.splitlines()) == 2


def test_an_open_quote_says_where_it_opens(ground: Ground) -> None:
    header, row, *_ = CSV.splitlines()
    ground.put("flat.csv", f'{header}\n{row}\n"{row}\n{row}\n{row}\n')
    ground.run().refuses("flat.csv", "ligne 3", "line 3")


def test_a_folder_without_any_input(ground: Ground) -> None:
    shutil.rmtree(ground.inputs)
    ground.inputs.mkdir()
    ground.run().refuses("Aucun fichier", "No input file", "data/raw/small/**")


def test_a_folder_that_does_not_exist(ground: Ground) -> None:
    shutil.rmtree(ground.inputs)
    ground.run().refuses("Aucun fichier", "No input file", "data/raw/small/**")


def test_a_folder_of_hidden_files_and_notes_only(ground: Ground) -> None:
    (ground.inputs / "decp.json").unlink()
    ground.put(".decp.json", REGISTER)
    ground.put("~$decp.xlsx", b"x")
    ground.put("LISEZMOI.md", "Les registres.")
    ground.run().refuses("Aucun fichier", "No input file")


def test_a_folder_of_unknown_files_only_says_what_each_is(ground: Ground) -> None:
    (ground.inputs / "decp.json").unlink()
    ground.put("notice.pdf", b"%PDF-1.7\n")
    ground.put("page.html", b"<html></html>")
    ground.put("export.7z", b"7z\xbc\xaf\x27\x1c\x00\x04")
    ground.put("autre.json", b'[{"idweb": 1}]')
    said = ground.run().refuses("Aucun registre", "No register")
    assert [line.split(" : ")[0].rpartition("/")[2] for line in said.fr.splitlines()[1:]] == [
        "autre.json",
        "export.7z",
        "notice.pdf",
        "page.html",
    ]


def test_a_link_that_leads_nowhere_is_not_left_out_in_silence(ground: Ground) -> None:
    (ground.inputs / "2023.json").symlink_to(ground.root / "gone.json")
    ground.run().refuses("2023.json", "lien cassé", "broken link")


def test_a_link_to_itself(ground: Ground) -> None:
    (ground.inputs / "loop.json").symlink_to(ground.inputs / "loop.json")
    ground.run().refuses("loop.json", "lien cassé", "broken link")


def test_a_pipe_is_not_waited_for(ground: Ground) -> None:
    os.mkfifo(ground.inputs / "pipe.json")
    ground.run().refuses("pipe.json", "ordinaire", "regular")


def test_a_socket(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ground.inputs)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.json")
        ground.run().refuses("s.json", "ordinaire", "regular")


def test_a_file_that_may_not_be_read(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also run by root, whom modes do not bind: the refusal is the system's, played."""
    path = ground.inputs / "decp.json"
    opened = Path.open

    def refused(file: Path, *arguments: object, **named: object) -> object:
        if file == path:
            raise PermissionError(13, "Permission denied", str(file))
        return opened(file, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", refused)
    ground.run().refuses(str(path), "droits", "rights")


def test_try_says_the_same_in_english_and_leaves_its_folder(
    ground: Ground,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from spaser import cli

    out = tmp_path / "trial"
    out.mkdir()
    (out / "rapport.html").write_text("the last one", encoding="utf-8")
    path = ground.put("decp.json", REGISTER[:-20])
    monkeypatch.setattr(cli.SESSION, "language", "fr")
    project = ["--lang", "en", "--project", str(ground.root)]
    assert cli.run([*project, "try", str(path), "--out", str(out)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "truncated JSON" in told.err
    assert "Traceback" not in told.err
    assert not (out / "spaser.duckdb").exists()
    assert [file.name for file in out.iterdir()] == ["rapport.html"]
    assert (out / "rapport.html").read_text(encoding="utf-8") == "the last one"


def test_try_of_a_file_that_is_not_there(ground: Ground, tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.json")
    ground.run("try", absent, "--out", str(tmp_path / "out")).refuses(absent)
    assert not (tmp_path / "out").exists()
