"""How a person becomes a pseudonym: HMAC-SHA-256 of a facilitator's id under a secret key.

The key lies outside the project, in the file named by `SPASER_KEY_FILE` or in the user's own
configuration folder; it is made on first use, readable by its owner alone. Without it nobody can go
from a pseudonym back to an id, nor test a guess. Another key gives other pseudonyms: rotating it
breaks every link, on purpose.

What is hashed must be an id that means nothing outside the facilitator's tool. A hash of a name and
a birth date can be undone by whoever guesses them, so what looks like a name, a birth date, a
social number, a telephone number or an address is refused. Shapes are all that can be seen: an id
that is a name in disguise (`DUR12`) passes, and the user's guide says what to give.

No message, log or representation here holds the key, an id, or a part of one.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
import tempfile
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import typer
from filelock import FileLock

from spaser.errors import InputError

KEY_VARIABLE = "SPASER_KEY_FILE"
KEY_BYTES = 32
PSEUDONYM_BYTES = 16
"""128 bits: among a million people, two share a pseudonym with a chance of one in 10^26."""

LONGEST_ID = 64


# --- the key ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """The secret key; it is shown nowhere, not even in a traceback."""

    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """What tells two keys apart and gives nothing of them away: tables made with one say it."""
        return hmac.new(self.secret, b"fingerprint", hashlib.sha256).hexdigest()[:16]

    def __reduce__(self) -> str | tuple[object, ...]:
        msg = "a key is neither copied nor sent to another process"
        raise TypeError(msg)


def key_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the key lies: `SPASER_KEY_FILE`, or `pseudonyms.key` in the user's configuration."""
    named = environment.get(KEY_VARIABLE, "").strip()
    if named:
        return Path(named).expanduser()
    return Path(typer.get_app_dir("spaser")) / "pseudonyms.key"


def ensure_key(path: Path, project: Path) -> Key:
    """The key of a file, made on first use with mode 0600.

    Raises:
        InputError: the file is inside the project or under version control, may be read by others,
            is damaged, or cannot be read or made.
    """
    _refuse_shared_place(path, project)
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(_lock(path)):
                if not path.exists():
                    _write(path)
        return _read(path)
    except OSError as error:
        raise _unusable(path, error) from None


def load_key(path: Path, project: Path) -> Key:
    """The key of a file that must be there: to read again what a key that was made has written.

    Raises:
        InputError: as `ensure_key`, or there is no key.
    """
    _refuse_shared_place(path, project)
    try:
        return _read(path)
    except OSError as error:
        raise _unusable(path, error) from None


def rotate_key(path: Path, project: Path) -> Key:
    """Replace the key by a new one and keep nothing of the old.

    The old file is overwritten before it is replaced; what a file system or a backup kept of it is
    out of reach here, and the guide says so. Every pseudonym made before loses its link: tables are
    rebuilt from the files received, and those whose files are gone can never be linked again.

    Raises:
        InputError: as `load_key`.
    """
    load_key(path, project)
    target = path.resolve()
    try:
        with FileLock(_lock(path)):
            _write(target)
        return _read(path)
    except OSError as error:
        raise _unusable(path, error) from None


def _lock(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _read(path: Path) -> Key:
    with path.open("rb") as content:
        _check_private(path, os.fstat(content.fileno()))
        text = content.read(4 * KEY_BYTES)
    if re.fullmatch(rb"[0-9a-f]{%d}\n" % (2 * KEY_BYTES), text) is None:
        raise InputError(
            f"{path} : ce n'est pas une clé de pseudonymes, ou elle est abîmée. Restaurez-la de "
            "votre copie de sauvegarde. À défaut, retirez ce fichier : une nouvelle clé sera "
            "créée, et les liens avec les anciens pseudonymes seront perdus.",
            f"{path}: this is no key of pseudonyms, or it is damaged. Restore it from your backup. "
            "Failing that, remove this file: a new key will be made, and the links with the old "
            "pseudonyms will be lost.",
        )
    return Key(bytes.fromhex(text.decode("ascii")))


def _check_private(path: Path, state: os.stat_result) -> None:
    """Only where the system has such rights: on Windows the user's own folder protects the file."""
    if not stat.S_ISREG(state.st_mode):
        raise InputError(
            f"{path} : la clé doit être un fichier ordinaire. Donnez-en un autre par "
            f"{KEY_VARIABLE}.",
            f"{path}: the key must be an ordinary file. Name another by {KEY_VARIABLE}.",
        )
    if os.name == "posix" and state.st_mode & 0o077:
        raise InputError(
            f"{path} : d'autres que vous peuvent lire la clé (droits "
            f"{stat.S_IMODE(state.st_mode):04o}). Lancez « chmod 600 {path} » ; si quelqu'un a pu "
            "la lire, changez de clé.",
            f"{path}: others than you may read the key (mode {stat.S_IMODE(state.st_mode):04o}). "
            f"Run “chmod 600 {path}”; if anyone may have read it, rotate the key.",
        )


def _write(path: Path) -> None:
    """Put a new key in place, private from its first byte; a key that is there is wiped first.

    The new one is whole on disk before the old one is touched.
    """
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as content:
            _put(content, secrets.token_hex(KEY_BYTES).encode("ascii") + b"\n")
        if path.exists():
            with path.open("r+b") as old:
                _put(old, secrets.token_bytes(path.stat().st_size))
        Path(beside).replace(path)
    finally:
        Path(beside).unlink(missing_ok=True)


def _put(content: BinaryIO, text: bytes) -> None:
    content.write(text)
    content.flush()
    os.fsync(content.fileno())


def _refuse_shared_place(path: Path, project: Path) -> None:
    place = path.resolve()
    versioned = any((folder / ".git").exists() for folder in place.parents)
    if not versioned and not place.is_relative_to(project.resolve()):
        return
    raise InputError(
        f"{path} : la clé ne doit être ni dans le projet, ni dans un dossier suivi par git, où "
        "elle serait copiée avec les données. Donnez un autre endroit par la variable "
        f"{KEY_VARIABLE}.",
        f"{path}: the key must be neither in the project nor in a folder under git, where it would "
        f"be copied with the data. Give another place by the variable {KEY_VARIABLE}.",
    )


def _unusable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"{path} : clé de pseudonymes inutilisable ({error.strerror}). Vérifiez le chemin et les "
        f"droits, ou donnez un autre fichier par {KEY_VARIABLE}.",
        f"{path}: key of pseudonyms unusable ({error.strerror}). Check the path and the rights, or "
        f"name another file by {KEY_VARIABLE}.",
    )


# --- ids ----------------------------------------------------------------------------------------

_REFUSALS = {
    "person_id_missing": ("il n'y a pas d'identifiant", "there is no id"),
    "person_id_social_number": (
        "il a la forme d'un numéro de sécurité sociale",
        "it has the shape of a social security number",
    ),
    "person_id_birth_date": (
        "il contient ce qui peut être une date de naissance",
        "it holds what may be a birth date",
    ),
    "person_id_telephone": (
        "il a la forme d'un numéro de téléphone",
        "it has the shape of a telephone number",
    ),
    "person_id_name": (
        "il contient ce qui peut être un nom ou une adresse",
        "it holds what may be a name or an address",
    ),
    "person_id_too_long": (
        f"il a plus de {LONGEST_ID} caractères",
        f"it has more than {LONGEST_ID} characters",
    ),
}
"""Why an id is refused: the rule of the finding, and the words of a message."""

REFUSALS = tuple(_REFUSALS)


def pseudonym(key: Key, identifier: str, issuer: str = "") -> str:
    """The pseudonym of a facilitator's id: 32 hexadecimal digits, always the same for one key.

    `issuer`: whose id it is; two facilitators may use one number for two people. Case and spaces at
    the ends do not count.

    Raises:
        InputError: the id may name a person (see `refusal`); the message does not repeat it.
    """
    problem = refusal(identifier)
    if problem is not None:
        fr, en = _REFUSALS[problem]
        raise InputError(
            f"Un identifiant de bénéficiaire est refusé : {fr}. Donnez le numéro interne de "
            "l'outil du facilitateur, sans nom, date de naissance ni numéro de sécurité sociale.",
            f"An id of a participant is refused: {en}. Give the internal number of the "
            "facilitator's tool, without name, birth date or social security number.",
        )
    return _digest(key, identifier, issuer)


def _digest(key: Key, identifier: str, issuer: str) -> str:
    content = "\x1f".join(("person", _canonical(issuer), _canonical(identifier)))
    digest = hmac.new(key.secret, content.encode("utf-8"), hashlib.sha256).digest()
    return digest[:PSEUDONYM_BYTES].hex()


def lookup(key: Key, ids: Iterable[tuple[str | None, str | None]]) -> pa.Table:
    """Pseudonyms of many ids, to be joined and then forgotten.

    Gives one row per distinct (issuer, identifier): `issuer`, `identifier`, `pseudonym` (null where
    refused), `refusal` (one of `REFUSALS`, null where accepted). The table holds ids: it must stay
    in the memory of the step that reads a file, and be written nowhere.
    """
    pairs = sorted(set(ids), key=lambda pair: tuple(text or "" for text in pair))
    refused = [refusal(identifier) for _, identifier in pairs]
    accepted = (pair for pair, why in zip(pairs, refused, strict=True) if why is None)
    disguised = _names_in_disguise(accepted)
    rows = [
        _row(key, pair, "person_id_name" if pair in disguised else why)
        for pair, why in zip(pairs, refused, strict=True)
    ]
    names = ("issuer", "identifier", "pseudonym", "refusal")
    schema = pa.schema([(name, pa.string()) for name in names])
    return pa.Table.from_pylist(rows, schema=schema)


_Pair = tuple[str | None, str | None]


def _row(key: Key, pair: _Pair, why: str | None) -> dict[str, str | None]:
    issuer, identifier = pair
    made = _digest(key, identifier, issuer or "") if identifier and why is None else None
    return {"issuer": issuer, "identifier": identifier, "pseudonym": made, "refusal": why}


MANY_WORDS = 20
"""A facilitator's ids have a few prefixes; more different words than that are names."""


def _names_in_disguise(pairs: Iterable[_Pair]) -> set[_Pair]:
    """Ids acceptable one by one (`DUR12`) whose issuer uses too many different words."""
    worded: dict[str | None, dict[_Pair, set[str]]] = {}
    for issuer, identifier in pairs:
        text = _canonical(identifier or "")
        words = {word for word in _LETTERS.findall(text) if len(word) > 1}
        if words and _HEXADECIMAL.fullmatch(text) is None:
            worded.setdefault(issuer, {})[(issuer, identifier)] = words
    return {
        pair
        for ids in worded.values()
        if len(set().union(*ids.values())) > MANY_WORDS
        for pair in ids
    }


def refusal(identifier: str | None) -> str | None:
    """Why an id may not be used, or null: the name of a finding rule.

    Refused: nothing; the shape of a social security number (13 or 15 digits); a day between 1900
    and 2020 in any usual order of digits; ten digits from 01 to 09 (telephone); no digit at all, a
    blank beside words, an at sign, a sign outside ASCII, or a long word that is no usual prefix (a
    name, an address); more than 64 characters.
    """
    text = _canonical(identifier or "")
    if not text:
        return "person_id_missing"
    if len(text) > LONGEST_ID:
        return "person_id_too_long"
    if _HEXADECIMAL.fullmatch(text):
        return None
    if not text.isascii():
        return "person_id_name"
    compact = re.sub(r"[\s./_-]", "", text)
    if _SOCIAL_NUMBER.search(compact) or re.fullmatch(r"[0-9]{13}|[0-9]{15}", compact):
        return "person_id_social_number"
    if re.fullmatch(r"(?:\+?33|0)[1-9][0-9]{8}", compact):
        return "person_id_telephone"
    if _holds_birth_date(text):
        return "person_id_birth_date"
    return "person_id_name" if _holds_name(text) else None


_LETTERS = re.compile(r"[^\W\d_]+")
_SOCIAL_NUMBER = re.compile(
    r"(?<![0-9])[1-478][0-9]{2}(?:0[1-9]|1[0-2]|[2-9][0-9])(?:[0-9]{2}|2[AB])[0-9]{6}"
    r"(?:[0-9]{2})?(?![0-9])"
)
"""Sex, year, month (or the codes of an unknown one), département, commune, order, key."""

_HEXADECIMAL = re.compile(r"[0-9A-F]{8}-(?:[0-9A-F]{4}-){3}[0-9A-F]{12}|[0-9A-F]{32,64}")
"""What programs make: no words are looked for in it."""

_DATES = (
    re.compile(r"(?<!\d)(?P<y>\d{4})(?P<gap>[-/._ ]?)(?P<m>\d{2})(?P=gap)(?P<d>\d{2})(?!\d)"),
    re.compile(
        r"(?<!\d)(?P<d>\d{1,2})(?P<gap>[-/._ ])(?P<m>\d{1,2})(?P=gap)(?P<y>\d{4}|\d{2})(?!\d)"
    ),
    re.compile(r"(?<!\d)(?P<d>\d{2})(?P<m>\d{2})(?P<y>\d{4})(?!\d)"),
)
_BORN = range(1900, 2021)


def _holds_birth_date(text: str) -> bool:
    return any(_is_birth_date(match) for dates in _DATES for match in dates.finditer(text))


def _is_birth_date(match: re.Match[str]) -> bool:
    year = int(match["y"])
    # Two digits are a year of the last century or of this one: either is a birth date.
    years = [year] if len(match["y"]) == 4 else [1900 + year, 2000 + year]
    for full in years:
        try:
            day = date(full, int(match["m"]), int(match["d"]))
        except ValueError:
            continue
        if day.year in _BORN:
            return True
    return False


_PREFIXES = {
    *(
        "PLIE",
        "CCAS",
        "GEIQ",
        "ETTI",
        "BENE",
        "PART",
        "BENEF",
        "BENEFICIAIRE",
        "PARTICIPANT",
        "PERSONNE",
        "SALARIE",
        "DOSSIER",
        "CANDIDAT",
    ),
    *("NUMERO", "USAGER", "PERSON", "CLAUSE", "INSERTION"),
}
_LONGEST_PREFIX = 3


def _holds_name(text: str) -> bool:
    if "@" in text or not any(character.isdigit() for character in text):
        return True
    words = [word for word in _LETTERS.findall(text) if word not in _PREFIXES]
    if any(len(word) > _LONGEST_PREFIX for word in words):
        return True
    return " " in text and bool(words)


def _canonical(text: str) -> str:
    """Capitals without accents, in one form, one blank between words."""
    decomposed = unicodedata.normalize("NFKD", text)
    letters = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(letters.upper().split())
