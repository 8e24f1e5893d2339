"""Suppression: no published figure, alone or with others, says anything of one person."""

from spaser.privacy.build import build
from spaser.privacy.editions import seal, sealed
from spaser.privacy.rules import HOURS, PEOPLE, Key, Rules, key_of, rules_on
from spaser.privacy.structure import Edition, Figure, Share, Sum
from spaser.privacy.suppress import NOTE_EN, NOTE_FR, REASONS, SYMBOL, Decision, Mask, mask_edition

__all__ = [
    "HOURS",
    "NOTE_EN",
    "NOTE_FR",
    "PEOPLE",
    "REASONS",
    "SYMBOL",
    "Decision",
    "Edition",
    "Figure",
    "Key",
    "Mask",
    "Rules",
    "Share",
    "Sum",
    "build",
    "key_of",
    "mask_edition",
    "rules_on",
    "seal",
    "sealed",
]
