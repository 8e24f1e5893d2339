"""Property tests and fuzzing for long: `make soak`.

Every hypothesis test runs with the profile `soak` (2 000 examples), and the fuzzing of inputs with
as many; what follows on the command line goes to pytest (`make soak ARGS="-k readers"`).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run pytest on the tests that hypothesis scales; its exit code."""
    # A profile given twice: the last one on the line wins over the one of pyproject.toml.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", ""]
    command += ["--hypothesis-profile=soak", "tests", *sys.argv[1:]]
    return subprocess.run(command, check=False, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
