"""`python -m tests.generators.demo`."""

import sys

from tests.generators.demo.files import ROOT, write

for path in write():
    sys.stdout.write(f"{path.relative_to(ROOT)}\n")
