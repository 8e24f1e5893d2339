"""Tables → HTML report, workbook, open data, manifest.

`render` is the only door; it reads `indicators.*`, `quality.*`, `curated.buyers` and
`facts.contracts`, never raw data.
"""

from spaser.publish.render import render

__all__ = ["render"]
