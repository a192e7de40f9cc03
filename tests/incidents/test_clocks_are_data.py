"""No clock's id or minutes stand outside the protocol's folder: another protocol changes the pages with it."""

import re
import subprocess
from pathlib import Path

from incidents.protocol import default_text, parse

ROOT = Path(__file__).resolve().parents[2]
# These ids are words of their own (a seat, a kind of entry, a permission); what compares a clock with one is found below.
ALSO_WORDS = {
    "ack", "response", "chain", "triage", "ic", "lead", "bridge", "joined", "seat", "theory", "leadership", "announce",
    "executive", "decision",
}  # fmt: skip


def product_files() -> list[Path]:
    """Code and templates of the product, the protocol's folder apart."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "templates"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    apart = ("tests/", "bench/", "incidents/protocol/")
    return [ROOT / name for name in listed if not name.startswith(apart) and "/migrations/" not in name]


def test_no_page_flow_or_template_names_a_clock() -> None:
    ids = {clock.id for clock in parse(default_text()).clocks}
    named = re.compile("|".join(rf"[\"']{re.escape(each)}[\"']" for each in sorted(ids - ALSO_WORDS)))
    compared = re.compile(
        r"\.clock (?:==|!=|in|not in) [\"'(]|clock\[[\"']|option value=\"(?:theory|leadership)\""
    )

    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in product_files()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if named.search(line) or compared.search(line)
    ]

    assert found == []
