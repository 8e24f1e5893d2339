"""The templates of an installation: what is missing is a fault, and every text is escaped."""

from __future__ import annotations

import jinja2

from spaser.project import Project


def environment(project: Project) -> jinja2.Environment:
    """The environment of `reports/templates/`."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(project.reports / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
