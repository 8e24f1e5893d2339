"""Pseudonyms: the key stays secret and outside, the id means nothing, nothing is said of either."""

from __future__ import annotations

import hashlib
import hmac
import os
import pickle
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser import pseudonyms
from spaser.cards import Catalogue
from spaser.errors import InputError
from spaser.pseudonyms import Key, ensure_key, key_file, load_key, lookup, pseudonym, rotate_key
from tests.curate.run import ROOT

KEY = Key(bytes(range(32)))
posix = pytest.mark.skipif(os.name != "posix", reason="file modes are those of POSIX")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


# --- the key ------------------------------------------------------------------------------------


def test_the_key_is_named_by_the_environment_or_lies_in_the_users_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    assert key_file({"SPASER_KEY_FILE": str(tmp_path / "k")}) == tmp_path / "k"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert key_file({}) == key_file({"SPASER_KEY_FILE": " "})
    assert key_file({}).name == "pseudonyms.key"
    assert key_file({}).is_relative_to(tmp_path)


@posix
def test_the_key_is_made_on_first_use_for_its_owner_alone(tmp_path: Path, project: Path):
    path = tmp_path / "config" / "spaser" / "key"
    previous = os.umask(0)
    try:
        key = ensure_key(path, project)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert len(key.secret) == 32
    assert ensure_key(path, project) == load_key(path, project) == key
    assert {item.name for item in path.parent.iterdir()} <= {"key", "key.lock"}


def test_two_keys_differ(tmp_path: Path, project: Path):
    one, two = (ensure_key(tmp_path / name, project) for name in "ab")
    assert one.secret != two.secret
    assert one.fingerprint != two.fingerprint


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o602])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, project: Path, mode: int):
    path = tmp_path / "key"
    ensure_key(path, project)
    path.chmod(mode)
    with pytest.raises(InputError, match="chmod 600") as caught:
        ensure_key(path, project)
    assert path.read_text(encoding="ascii").strip() not in caught.value.fr + caught.value.en


@pytest.mark.parametrize("place", ["key", "data/raw/key", "../project/key"])
def test_a_key_inside_the_project_is_refused(project: Path, place: str):
    with pytest.raises(InputError, match="SPASER_KEY_FILE"):
        ensure_key(project / place, project)
    assert not (project / "key").exists()


def test_a_key_under_version_control_is_refused(tmp_path: Path, project: Path):
    (tmp_path / "other" / ".git").mkdir(parents=True)
    with pytest.raises(InputError, match="suivi par git"):
        ensure_key(tmp_path / "other" / "config" / "key", project)


@posix
def test_a_link_out_of_the_way_into_the_project_is_refused(tmp_path: Path, project: Path):
    (tmp_path / "key").symlink_to(project / "key")
    with pytest.raises(InputError, match="ni dans le projet"):
        ensure_key(tmp_path / "key", project)


@pytest.mark.parametrize("content", [b"", b"secret\n", b"0" * 64, b"0" * 65 + b"\n", b"\xff" * 65])
def test_a_damaged_key_is_refused_and_not_replaced(tmp_path: Path, project: Path, content: bytes):
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(InputError, match="abîmée") as caught:
        ensure_key(path, project)
    assert "secret" not in caught.value.fr
    assert path.read_bytes() == content


def test_a_key_that_must_be_there_is_not_made(tmp_path: Path, project: Path):
    with pytest.raises(InputError, match="inutilisable"):
        load_key(tmp_path / "key", project)
    assert not (tmp_path / "key").exists()


def test_a_folder_is_no_key(tmp_path: Path, project: Path):
    (tmp_path / "key").mkdir()
    with pytest.raises(InputError, match="SPASER_KEY_FILE"):
        ensure_key(tmp_path / "key", project)


@posix
def test_rotation_gives_other_pseudonyms_and_keeps_nothing_of_the_old(
    tmp_path: Path, project: Path
):
    path = tmp_path / "keys" / "key"
    old = ensure_key(path, project)
    witness = tmp_path / "witness"
    witness.hardlink_to(path)  # the same bytes on disk, whatever takes the name
    new = rotate_key(path, project)
    assert new.secret != old.secret
    assert load_key(path, project) == new
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert pseudonym(new, "P-1") != pseudonym(old, "P-1")
    assert {item.name for item in path.parent.iterdir()} <= {"key", "key.lock"}
    for item in [*path.parent.iterdir(), witness]:
        assert old.secret.hex().encode() not in item.read_bytes()


def test_there_is_nothing_to_rotate_without_a_key(tmp_path: Path, project: Path):
    with pytest.raises(InputError, match="inutilisable"):
        rotate_key(tmp_path / "key", project)


def test_a_key_shows_nothing_of_itself():
    shown = f"{KEY!r} {KEY} {KEY.fingerprint}"
    assert KEY.secret.hex() not in shown
    assert repr(KEY.secret) not in shown
    with pytest.raises(TypeError, match="neither copied"):
        pickle.dumps(KEY)


# --- ids ----------------------------------------------------------------------------------------

GOOD = [
    "1",
    "000123",
    "P-0001",
    "2024-00123",
    "BENEF-0012",
    "bénéficiaire 12".replace(" ", "_"),
    "CD62/2025/17",
    "20241305",
    "A1B2C3",
    "550e8400-e29b-41d4-a716-446655440000",
    "9f86d081884c7d659a2feaa0c55ad015",
    "PLIE59-77",
    "0000012345",
]
REFUSED = {
    "": "person_id_missing",
    " \t": "person_id_missing",
    "1" * 65: "person_id_too_long",
    "185057800608436": "person_id_social_number",
    "1 85 05 78 006 084 36": "person_id_social_number",
    "2.85.05.2A.006.084-36": "person_id_social_number",
    "NIR 1850578006084": "person_id_social_number",
    "999999999999999": "person_id_social_number",
    "12/04/1985": "person_id_birth_date",
    "1985-04-12": "person_id_birth_date",
    "19850412": "person_id_birth_date",
    "12041985": "person_id_birth_date",
    "1/2/85": "person_id_birth_date",
    "MD_1985_04_12": "person_id_birth_date",
    "X19850412": "person_id_birth_date",
    "06 12 34 56 78": "person_id_telephone",
    "+33612345678": "person_id_telephone",
    "Zoé Exemple": "person_id_name",
    "exemple.zoe": "person_id_name",
    "EXEMPLE12": "person_id_name",
    "zo@ex1.fr": "person_id_name",
    "12 rue des Lilas": "person_id_name",
    "Zoé 12 E": "person_id_name",
    "Ζωή12": "person_id_name",
    "1\u200b85057800608436": "person_id_name",
}


@pytest.mark.parametrize("identifier", GOOD)
def test_an_internal_number_is_accepted(identifier: str):
    assert pseudonyms.refusal(identifier) is None


@pytest.mark.parametrize("identifier", REFUSED)
def test_what_may_name_a_person_is_refused_without_being_repeated(identifier: str):
    assert pseudonyms.refusal(identifier) == REFUSED[identifier]
    with pytest.raises(InputError) as caught:
        pseudonym(KEY, identifier)
    for part in [identifier.strip(), *identifier.split()]:
        if len(part) > 2:
            assert part not in caught.value.fr + caught.value.en
    assert caught.value.__cause__ is None


def test_every_refusal_has_its_finding_rule_that_repeats_nothing():
    rules = Catalogue(ROOT / "assets").rules
    for name in pseudonyms.REFUSALS:
        assert "{" not in rules[name].message_fr + rules[name].message_en


def test_a_pseudonym_is_hmac_sha_256_of_the_issuer_and_the_id():
    expected = hmac.new(KEY.secret, b"person\x1fPLIE\x1fP-0001", hashlib.sha256).hexdigest()[:32]
    assert pseudonym(KEY, " p-0001 ", "plie") == expected


def test_the_same_number_of_two_facilitators_is_two_people():
    assert pseudonym(KEY, "12", "A") != pseudonym(KEY, "12", "B")
    assert pseudonym(KEY, "12", "A1") != pseudonym(KEY, "112", "A")


def test_many_ids_are_looked_up_once_each():
    found = lookup(KEY, [("A", "P-1"), ("A", "P-1"), ("A", "1985-04-12"), ("A", None)])
    rows = {row["identifier"]: row for row in found.to_pylist()}
    assert len(rows) == found.num_rows == 3
    assert rows["P-1"]["pseudonym"] == pseudonym(KEY, "P-1", "A")
    assert rows["1985-04-12"]["pseudonym"] is None
    assert rows["1985-04-12"]["refusal"] == "person_id_birth_date"
    assert rows[None]["refusal"] == "person_id_missing"


def test_too_many_short_words_are_names_in_disguise():
    names = [f"{chr(65 + number)}{chr(66 + number)}X{number}" for number in range(21)]
    assert all(pseudonyms.refusal(name) is None for name in names)
    few = lookup(KEY, [("A", name) for name in names[:20]])
    assert few.column("refusal").null_count == 20
    many = lookup(KEY, [("A", name) for name in [*names, "77"]] + [("B", names[0])])
    refused = {(r["issuer"], r["identifier"]) for r in many.to_pylist() if r["refusal"]}
    assert refused == {("A", name) for name in names}


@given(st.text(max_size=70), st.text(max_size=5))
def test_any_text_is_refused_or_becomes_a_pseudonym_that_holds_nothing_of_it(
    text: str, issuer: str
):
    if pseudonyms.refusal(text) is None:
        found = pseudonym(KEY, text, issuer)
        assert len(found) == 32
        assert found == pseudonym(KEY, text, issuer)
    else:
        with pytest.raises(InputError):
            pseudonym(KEY, text, issuer)


@given(st.dates(pseudonyms.date(1930, 1, 1), pseudonyms.date(2012, 12, 31)), st.data())
def test_a_birth_date_is_refused_in_any_usual_order(day: pseudonyms.date, data: st.DataObject):
    shape = data.draw(st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%d.%m.%y", "%Y%m%d", "%d%m%Y"]))
    before = data.draw(st.sampled_from(["", "A", "MD-", "77_"]))
    assert pseudonyms.refusal(before + day.strftime(shape)) is not None
