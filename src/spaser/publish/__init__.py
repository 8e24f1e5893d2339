"""Tables → HTML report, workbook, operation sheets, open data, manifest.

`render` is the door of the internal report and `render_public` that of what anyone may read. They
read `indicators.*`, `quality.*`, `facts.*` and `curated.*`, never raw data; of persons only
`indicators.figures`, where suppression has been applied.
"""

from spaser.publish.render import render, render_public

__all__ = ["render", "render_public"]
