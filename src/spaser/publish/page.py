"""`rapport.html`: one self-contained page that opens offline."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from spaser.errors import InputError
from spaser.project import Project
from spaser.publish.clauses_view import ClausesView
from spaser.publish.context import Context
from spaser.publish.labels import Labels
from spaser.publish.lines import script_json
from spaser.publish.model import ChartView, IndicatorView, KeyFigure, Objective
from spaser.publish.quality_view import QualityView
from spaser.publish.reading import Run
from spaser.publish.register_view import RegisterView
from spaser.templates import environment

PLOTLY = "plotly-basic.min.js"
SCRIPT = "rapport.js"
STYLE = "rapport.css"
NEUTRAL_LOGO = "reports/assets/logo.svg"

_LOGO_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True)
class Page:
    """Everything the template prints."""

    title: str
    run: Run
    key_figures: Sequence[KeyFigure]
    objectives: Sequence[Objective]
    tally: Sequence[tuple[str, str, int]]
    axes: Sequence[tuple[str, str, list[IndicatorView]]]
    quality: QualityView
    register: RegisterView
    buyers: Sequence[str]
    buyer_count: int
    line_count: int
    undated: int
    accent: str
    logo: str | None
    lines: dict[str, Any] | None
    clauses: ClausesView | None = None

    @property
    def charts(self) -> dict[str, Any]:
        """Plotly specifications by the id of their box."""
        return {view.id: view.spec for view in self.chart_views() if view.spec is not None}

    def quality_parts(self, t: Labels) -> list[tuple[str, str]]:
        """Anchors and titles of the parts of the quality section that this report has."""
        quality, register = self.quality, self.register
        has_actions = quality.actions is not None
        parts = (
            ("a-faire", "actions.title", has_actions),
            ("constats", "quality.findings", not has_actions),
            ("completude", "quality.completeness", True),
            ("registre-decp", "register.title", True),
            ("corrections", "corrections.title", register.corrections is not None),
            ("colonnes", "mappings.title", bool(register.mappings)),
            ("audits", "audits.title", True),
            ("bases", "tax.title", bool(quality.tax_bases)),
            ("a-verifier", "suspicions.title", quality.suspicions is not None),
            ("constats", "quality.findings", has_actions),
            ("fichiers", "quality.inputs", True),
            ("bilans", "quality.balances", True),
            ("controles", "quality.checks", bool(quality.checks)),
        )
        return [(anchor, t(title)) for anchor, title, present in parts if present]

    def chart_views(self) -> list[ChartView]:
        """Every chart of the page, in order."""
        return [
            view
            for _, _, indicators in self.axes
            for indicator in indicators
            for view in (
                *indicator.trends,
                *([indicator.main_breakdown] if indicator.main_breakdown else []),
                *indicator.breakdowns,
            )
        ]


def html(project: Project, context: Context, page: Page) -> str:
    """The page."""
    scripts = [_asset(project, name) for name in (PLOTLY, SCRIPT)]
    style = (project.reports / "styles" / STYLE).read_text(encoding="utf-8")
    return (
        environment(project)
        .get_template("rapport.html.j2")
        .render(
            page=page,
            t=context.labels,
            context=context,
            formats=context.formats,
            language=context.language,
            policy=_policy(scripts),
            scripts=[Markup(script) for script in scripts],
            style=Markup(style.replace("__ACCENT__", page.accent)),
            logo=logo_uri(project, page.logo),
            charts_json=Markup(script_json(page.charts)),
            lines_json=None if page.lines is None else Markup(script_json(page.lines)),
        )
    )


def _asset(project: Project, name: str) -> str:
    text = (project.reports / "assets" / name).read_text(encoding="utf-8")
    if "</script" in text.lower():
        msg = f"{name} would close the element that holds it"
        raise ValueError(msg)
    return text


def _policy(scripts: Sequence[str]) -> str:
    """Nothing comes from elsewhere, and no script runs but these two."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def logo_uri(project: Project, logo: str | None) -> str:
    """The logo as a data URI.

    Raises:
        InputError: the file is absent or is neither SVG nor PNG.
    """
    path = project.root / (logo or NEUTRAL_LOGO)
    kind = _LOGO_TYPES.get(path.suffix.lower())
    if kind is None or not path.is_file():
        raise InputError(
            f"report.logo : « {logo} » n'est pas un fichier SVG ou PNG présent. "
            "Corrigez le chemin dans le fichier du schéma.",
            f"report.logo: “{logo}” is not an SVG or PNG file that exists. "
            "Correct the path in the scheme file.",
        )
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def readable_accent(colour: str) -> str:
    """The accent darkened until it stands out 4.5:1 on white, as text must.

    Raises:
        InputError: not a colour written `#rrggbb`.
    """
    try:
        channels = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    except ValueError:
        channels = []
    if len(colour) != 7 or not colour.startswith("#") or not channels:
        raise InputError(
            f"report.accent : « {colour} » n'est pas une couleur #rrvvbb. "
            "Corrigez le fichier du schéma.",
            f"report.accent: “{colour}” is no #rrggbb colour. Correct the scheme file.",
        )
    while contrast_on_white(channels) < 4.6:
        channels = [channel * 95 // 100 for channel in channels]
    return "#" + "".join(f"{channel:02x}" for channel in channels)


def contrast_on_white(channels: Sequence[int]) -> float:
    """Contrast ratio with white, as WCAG 2.1 defines it."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in channels)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 1.05 / (luminance + 0.05)


def write(path: Path, text: str) -> None:
    """Write a page as UTF-8 with plain line ends, whatever the system."""
    path.write_bytes(text.encode("utf-8"))
