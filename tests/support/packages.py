"""Debian's package index as documents: a parser of its stanzas, and a like index made by a seed.

The format is that of `apt-cache dumpavail`: deb822(5) stanzas, relations as in Debian Policy 7.1.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess

RELATION = re.compile(r"(?P<name>[^\s:(]+)(?::\S+)?\s*(?:\((?P<op><<|<=|=|>=|>>)\s*(?P<version>\S+)\))?")
SECTIONS = {"libs": 9, "libdevel": 7, "python": 6, "devel": 5, "utils": 4, "games": 3, "science": 3,
            "net": 3, "doc": 3, "fonts": 2, "contrib/games": 1, "non-free/libs": 1}
WORDS = ("fast small portable library tools for audio video image network protocol parser compiler "
         "command-line graphical editor client server daemon plugin framework documentation "
         "development files runtime shared common data Unicode XML JSON terminal café naïve "
         "real-time e-mail C++ Python Perl game strategy astronomy chemistry statistics").split()


def stanzas(text):
    """The fields of each stanza; a line that begins with a space goes on with the one before."""
    for stanza in re.split(r"\n{2,}", text.strip()):
        fields, name = {}, ""
        for line in stanza.splitlines():
            if line[:1].isspace():
                fields[name] += "\n" + line.strip()
            else:
                name, _, value = line.partition(":")
                fields[name] = value.strip()
        yield fields


def relations(text):
    """`a (>= 1) | b, c:any`: a dict for each package that is named."""
    found = []
    for group, alternatives in enumerate(filter(None, map(str.strip, text.split(",")))):
        for choice in alternatives.split("|"):
            match = RELATION.fullmatch(choice.strip())
            relation = {"name": match["name"], "group": group}
            if match["op"]:
                relation |= {"op": match["op"], "version": match["version"]}
            found.append(relation)
    return found


def document(fields):
    """(id, fields) as they are stored. A package may be there in several versions."""
    needed = ", ".join(filter(None, [fields.get("Pre-Depends"), fields.get("Depends")]))
    id = f"{fields['Package']}_{fields['Version']}_{fields['Architecture']}"
    return id, {
        "package": fields["Package"],
        "version": fields["Version"],
        "section": fields.get("Section"),
        "size": int(fields.get("Size", 0)),
        "description": fields.get("Description", fields.get("Description-en", "")),
        "depends": relations(needed),
        "tags": [tag.strip() for tag in fields.get("Tag", "").split(",") if tag.strip()],
    }


def _version(rng):
    epoch = rng.choice(["", "", "", "1:", "2:"])
    upstream = ".".join(str(rng.randrange(limit)) for limit in (5, 12, 20)[: rng.randrange(1, 4)])
    return epoch + upstream + rng.choice(["", "~rc1", "+dfsg", "+ds1"]) + f"-{rng.randrange(1, 9)}"


def _relation(rng, names):
    # Few packages are needed by many others, as libc6 is.
    name = names[int(len(names) * rng.random() ** 4)]
    qualifier = rng.choice(["", "", "", ":any"])
    bound = f" ({rng.choice(['>=', '>=', '=', '<<'])} {_version(rng)})" if rng.random() < 0.5 else ""
    return name + qualifier + bound


def made_index(count, seed):
    """The text of an index with so many stanzas."""
    rng = random.Random(seed)
    names = [f"{rng.choice(['lib', 'python3-', 'fonts-', ''])}{word}{number}"
             for number, word in enumerate(rng.choices("alpha beta gamma delta".split(), k=count))]
    made = []
    for name in names:
        lines = [
            f"Package: {name}",
            f"Version: {_version(rng)}",
            f"Architecture: {rng.choice(['amd64', 'all'])}",
            f"Description: {' '.join(rng.choices(WORDS, k=rng.randrange(3, 9)))}",
        ]
        if rng.random() < 0.2:
            lines += [f" {' '.join(rng.choices(WORDS, k=9))}", " ."]
        if rng.random() < 0.9:
            groups = [" | ".join(_relation(rng, names) for _ in range(rng.choice([1, 1, 1, 2])))
                      for _ in range(rng.randrange(1, 7))]
            lines.append("Depends: " + ", ".join(groups))
        if rng.random() < 0.3:
            lines += ["Tag: role::program, interface::x11,", f" use::{rng.choice(WORDS[:9])}"]
        if rng.random() < 0.98:
            lines.append(f"Section: {rng.choices(list(SECTIONS), SECTIONS.values())[0]}")
        # Sizes that several packages share: the order within them is open.
        lines.append(f"Size: {int(10 ** rng.uniform(3, 5)) // 100 * 100}")
        made.append("\n".join(lines) + "\n")
    return "\n".join(made)


def system_has_index():
    if shutil.which("apt-cache") is None:
        return False
    return bool(subprocess.run(["apt-cache", "pkgnames"], capture_output=True).stdout)


def system_index():
    return subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=True).stdout.decode()


# A machine without Debian's index asks the questions of the made one only.
INDEXES = {"made": lambda: made_index(3_000, "packages")}
if system_has_index():
    INDEXES["system"] = system_index


def documents(name):
    return dict(map(document, stanzas(INDEXES[name]())))
