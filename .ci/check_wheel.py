"""A wheel holds what users need and nothing else: no C sources, no headers, no tests."""

import sys
import zipfile

WANTED = ("velocity/py.typed", "velocity/_core/engine.pyi", "velocity/py/cli/program.py")
REFUSED = (".c", ".h", ".pyx", ".pxd")

for path in sys.argv[1:]:
    names = zipfile.ZipFile(path).namelist()
    missing = [name for name in WANTED if name not in names]
    outside = [n for n in names if not n.startswith(("velocity/", "velocitydb-"))]
    extra = [name for name in names if name.endswith(REFUSED)] + outside
    if missing or extra:
        sys.exit(f"{path}: missing {missing}, should not be there {extra}")
    print(f"{path}: {len(names)} files")
