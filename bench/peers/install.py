"""Installs the packages of the extra `peers`, one by one: what has no wheel here is left out.

`python -m bench.peers.install`, which `make bench` calls.
"""

import subprocess
import sys
from importlib.metadata import requires

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
EXTRA = 'extra == "peers"'


def wanted() -> list[str]:
    lines = (line.partition(";") for line in requires("velocitydb") or [])
    return [requirement.strip() for requirement, _, marker in lines if EXTRA in marker]


def main() -> None:
    for requirement in wanted():
        # From source they would need the stores' own libraries, or compilers for half an hour.
        command = [*PIP, "--only-binary", ":all:", requirement]
        if subprocess.run(command, check=False).returncode:
            print(
                f"bench: {requirement} cannot be installed, its tables go without", file=sys.stderr
            )


if __name__ == "__main__":
    main()
