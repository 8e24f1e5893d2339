"""One year masked in a Python of its own: `python -m spaser.privacy.apart`, for `build` alone.

Reads the arguments of `build.decide` from the standard input, and writes what it gives to the
standard output: nothing of it is ever a file.
"""

from __future__ import annotations

import pickle
import sys

from spaser.privacy.build import decide

if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(decide(*pickle.load(sys.stdin.buffer))))
