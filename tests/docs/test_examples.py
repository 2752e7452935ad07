"""Every Python example of the README and the docs runs, in the order of its page."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
NEEDED = {"docs/columns.md": "pandas", "docs/search.md": "tantivy"}  # not everywhere to be had
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def examples(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    return [(text[: m.start()].count("\n") + 2, m[1]) for m in BLOCK.finditer(text)]


def test_the_readme_has_examples():
    assert len(examples("README.md")) >= 3


@pytest.mark.parametrize("page", PAGES)
def test_examples_run(page, tmp_path, monkeypatch):
    if page in NEEDED:
        pytest.importorskip(NEEDED[page])
    monkeypatch.chdir(tmp_path)
    example = ModuleType("example")  # a dataclass looks for the module it is in
    monkeypatch.setitem(sys.modules, "example", example)
    for line, source in examples(page):
        code = compile("\n" * (line - 1) + source, str(ROOT / page), "exec", dont_inherit=True)
        exec(code, example.__dict__)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    targets = LINK.findall((ROOT / page).read_text(encoding="utf-8"))
    missing = [target for target in targets if not ((ROOT / page).parent / target).exists()]
    assert missing == []
