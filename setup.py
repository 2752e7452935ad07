"""Builds the C core. Metadata is in pyproject.toml.

Switches (environment):
  VELOCITY_DEBUG=1            assertions on every invariant, -O1 at most, debug symbols
  VELOCITY_SANITIZE=address   -fsanitize=address,undefined (also: thread)
  VELOCITY_EXTENSIONS=a,b     build only these extensions (empty: none)
"""

import copy
import os
import sys
import sysconfig

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

CORE = "velocity/_core"

# Each extension is one .pyx over the C files it needs; `engine` is the database, the others let
# the parts be tested and measured on their own.
MEMORY = [
    "base", "slab", "slab_region", "slab_check", "epoch", "table", "table_grow", "table_check",
    "btree", "btree_node", "btree_cursor", "btree_check",
]
VALUE = [
    "path", "value", "value_check", "value_compare", "value_key", "value_lookup", "value_merge",
    "value_order",
]
CODEC = [
    "base", "xxh3", *VALUE, "names", "pynames", "pycodec", "pydecode", "pykey", "pyshape", "pytime"
]
STORAGE = ["base", "xxh3", *VALUE, "names", "record", "fileio", "lock", "segment", "hint",
           "manifest"]
SCHEMA = ["rfc3339", "schema"]
ENGINE = [
    "apply",
    "background",
    "cache",
    "catalog",
    "changes",
    "changes_ring",
    "check",
    "checkpoint",
    "checkpoint_check",
    "checkpoint_save",
    "column",
    "column_scan",
    "compaction",
    "entries",
    "evolve",
    "expiry",
    "filter_build",
    "filter_match",
    "filter_scan",
    "group",
    "group_scan",
    "ids",
    "index_apply",
    "index_build",
    "index_check",
    "index_keys",
    "index_list",
    "index_scan",
    "index_twin",
    "lifecycle",
    "log",
    "log_room",
    "plan",
    "query",
    "query_merge",
    "read",
    "reap",
    "recovery",
    "restore",
    "restore_checkpoint",
    "rules",
    "scan",
    "seen",
    "sort",
    "stats",
    "undo",
    "verify",
]
EXTENSIONS = {
    "codec": [*CODEC, *SCHEMA],
    "document": [*CODEC, "record"],
    "filter": [*CODEC, "filter_build", "filter_match"],
    "grouping": [*CODEC, "group"],
    "memory": MEMORY,
    "storage": STORAGE + ["pynames"],
    "engine": sorted({*CODEC, *MEMORY, *STORAGE, *SCHEMA, *ENGINE, "pyfaults"}),
}


def compile_flags():
    flags = ["-std=gnu11", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-unused-parameter"]
    sanitize = os.environ.get("VELOCITY_SANITIZE")
    if os.environ.get("VELOCITY_DEBUG"):
        flags += ["-O1", "-g", "-UNDEBUG", "-DVEL_DEBUG"]
    else:
        flags += ["-O3", "-g1"]
    if sanitize:
        kinds = "address,undefined" if sanitize == "address" else sanitize
        flags += [f"-fsanitize={kinds}", "-fno-omit-frame-pointer", "-g"]
        # gcc warns at each fence that ThreadSanitizer does not model it.
        flags += ["-Wno-tsan"] if sanitize == "thread" else []
        return flags, [f"-fsanitize={kinds}"]
    if os.environ.get("VELOCITY_DEBUG"):
        return flags, []
    # The core is many small files: a put is a fifth faster when calls between them are inlined.
    # Lines for a debugger would be half of a wheel; symbols, which perf needs, stay.
    return [*flags, "-flto", "-fno-plt"], ["-flto", "-O3", "-Wl,-S"]


def extensions():
    named = os.environ.get("VELOCITY_EXTENSIONS", ",".join(EXTENSIONS))
    wanted = [name for name in named.split(",") if name]
    compile_args, link_args = compile_flags()
    macros = [("CYTHON_USE_TYPE_SPECS", "0")]
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        macros.append(("VEL_FREE_THREADED", "1"))
    names = sorted(os.listdir(CORE))
    headers = [f"{CORE}/{name}" for name in names if name.endswith((".h", ".pxd", ".pxi"))]
    return [
        Extension(
            f"velocity._core.{name}",
            [f"{CORE}/{name}.pyx", *(f"{CORE}/{c}.c" for c in EXTENSIONS[name])],
            include_dirs=[CORE],
            depends=headers,
            define_macros=macros,
            extra_compile_args=compile_args,
            extra_link_args=[*link_args, "-pthread"],
        )
        for name in wanted
    ]


class BuildExtensions(build_ext):
    """Extensions share C files and are built side by side: each has a place for its objects, lest
    one is linked while another writes it."""

    def build_extension(self, ext):
        one = copy.copy(self)
        one.build_temp = os.path.join(self.build_temp, ext.name)
        super(BuildExtensions, one).build_extension(ext)


setup(
    cmdclass={"build_ext": BuildExtensions},
    ext_modules=cythonize(
        extensions(),
        build_dir="build/cython",
        compiler_directives={
            "language_level": "3",
            "binding": False,
            "embedsignature": True,
            "freethreading_compatible": True,
            "boundscheck": bool(os.environ.get("VELOCITY_DEBUG")),
            "wraparound": False,
        },
    )
    if "clean" not in sys.argv
    else [],
)
