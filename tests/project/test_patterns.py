"""Every pattern is linear: eight times the text is about eight times the work, whatever others wrote (reliability S20).

A pattern is fed pieces again and again in the way in which it is used. One that stands in no row here fails the first
test, so that no pattern is written without its worst case being thought of.
"""

import ast
import contextlib
import importlib
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from desk import search
from incidentdesk.kernel import client_address, logs, markdown, strict_json, text
from incidentdesk.kernel.errors import DeskError
from incidentdesk.kernel.sensitive import is_secret

ROOT: Final = Path(__file__).parents[2]
APPS: Final = ("incidentdesk", "people", "incidents", "comms", "oncall", "runbooks", "desk")
SIZE: Final = 1_000
FACTOR: Final = 8
CALLS: Final = {"compile", "sub", "subn", "match", "search", "fullmatch", "split", "findall", "finditer"}

# Pieces that tempt any pattern; each is fed alone, and with an end that fits nothing.
PIECES: Final = (" ", "\t", "\n", "a", "0", '"', "\\", '\\"', "a ", "<", "-", "^\n", "%", "/", ";", "=", "a.", "(", "[", "{", ",", ":", "_")  # fmt: skip

# Where it stands, what it is called (or the text itself, where it has no name): how it is used, and its own pieces as
# (what comes first, what is repeated).
ROWS: Final[dict[str, tuple[str, tuple[tuple[str, str], ...]]]] = {
    "incidentdesk.kernel.client_address:_HEADER_NAME": ("fullmatch", (("", "a-"),)),
    "incidentdesk.kernel.client_address:_PIECE": ("guarded", (("", '"\\"",'), ("", '"a";'))),
    "incidentdesk.kernel.client_address:_PIECES": ("fullmatch", (('"', '\\"'), ('"', "\\\\"), ("", '"a"'), ("", "a,"))),
    r"incidentdesk.kernel.client_address:[,\s]+": ("split", (("", ", "),)),
    r"incidentdesk.kernel.client_address:\\(.)": ("sub", (("", "\\a"),)),
    "incidentdesk.kernel.sensitive:_NAMES": ("search", (("", "pass"), ("", "api_"), ("pass", "1"))),
    "incidentdesk.kernel.embedded.valkey:v=(\\d+)": ("search", (("", "v="), ("v=", "1"))),
    "incidentdesk.kernel.text:LINE_BREAKS": ("sub", (("", "\r"), ("", "\r\n"), ("", "\u2028"))),
    r"incidentdesk.kernel.text:\s+": ("sub", (("", "\u3000"), ("", " a"))),
    "incidentdesk.kernel.markdown:GOOD_HREF": ("fullmatch", (("http://", "a"), ("", "http://"), ("/", "\\"))),
    "incidentdesk.kernel.markdown:HREF": ("sub", (("", ' href="'), ("", ' href=" '), ("", " href="))),
    "incidentdesk.kernel.host_names:_LABEL": ("fullmatch", (("", "a-"),)),
    "incidentdesk.kernel.host_names:_LOCAL": ("fullmatch", (("", "a.a"), ('"', "\\\\"), ('"', "\\a"))),
    "incidentdesk.kernel.env_addresses:_BAD_ESCAPE": ("search", (("", "%4"), ("", "%41"))),
    "incidentdesk.kernel.env_addresses:_NAMED": ("fullmatch", (("a", " "), ("<", " "), ("", " <"), (" <a", ">"))),
    r"incidentdesk.kernel.env_addresses:/?\d{0,4}": ("fullmatch", (("/", "1"),)),
    r"incidentdesk.kernel.env_addresses:(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{1,5}))?": ("fullmatch", (("[", ":"), ("", ":1"), ("a:", "1"))),
    "incidentdesk.kernel.env_addresses:[0-9.]+": ("fullmatch", (("", "1."),)),
    "incidentdesk.kernel.strict_json:_TOKEN": ("finditer", (('"', '\\"'), ('"', "\\\\"), ('"a\\', '"a\\'), ("", "1."), ("", "1e"), ("", "-N"))),
    "incidentdesk.kernel.env:_ISO": ("fullmatch", (("P", "1"), ("PT", "1M"), ("PT1.", "1"))),
    r"incidentdesk.kernel.env:[,\s]+": ("split", (("", ", "),)),
    r"incidentdesk.kernel.env:\d+(\.\d+)?": ("fullmatch", (("1.", "1"), ("", "1."))),
    "incidentdesk.kernel.logs:_SECRET": ("sub", (("", "/ack/"), ("/ack/", "a"), ("", "/password"))),
    "incidentdesk.kernel.logs:_TOLD_BY_POSTGRESQL": ("sub", (("", "DETAIL:"), ("", "DETAIL:\n"), ("DETAIL:", "a"))),
    "incidentdesk.kernel.logs:_LINE_OF_SQL": ("sub", (("", "LINE 1:"), ("", "LINE 1:\n"), ("LINE ", "1"), ("LINE 1:\n", "^"), ("LINE 1:\n", "^ "))),
    r"incidentdesk.settings:https?://[^/@\s]+(/\S*)?": ("fullmatch", (("http://", "a"), ("http://a", "/"))),
    "comms.composition:_PROMISE": ("sub", (("", "Next update: by "), ("", "Next update: by 10:00 UTC (10:00 a\n"), ("Next update: by 10:00 UTC (10:00 ", "a"))),
    "comms.composition:_TIME_LINE": ("sub", (("", "Time: 2026-01-01 10:00 UTC"), ("Time: 2026-01-01 10:00 UTC", " min since detection"), ("Time: 2026-01-01 10:00 UTC", " min"))),
    "comms.composition:_FIRST_LINE": ("sub", (("Update ", "1"), ("Update 1: ", "."), ("Update 1: ", ". "), ("", "Update 1: "))),
    "comms.composition:whole": ("sub", ()),  # one line, to the letter
    "oncall.hooks.alertmanager:_LEVEL": ("fullmatch", (("", "sev"), ("", "sev-"))),
    "oncall.hooks.walk:SPACE": ("match", (("", "\r\n"),)),
    "oncall.hooks.walk:STRING": ("match", (('"', '\\"'), ('"', "\\\\"), ('"', "a\\"))),
    "oncall.hooks.walk:SCALAR": ("match", (("", "1e"),)),
    "oncall.hooks.walk:BETWEEN": ("match", (("", '[""]'), ("", '{"a"'), ('"', '\\"'), ("", "[a"), ("", '["'))),
    "desk.room.header:_PHONE": ("match", (("+", "1"), ("", "1 ("))),
    r"desk.room.header:[^\d+]": ("sub", (("", "+"),)),
    "desk.visible:KEY": ("fullmatch", (("INC-2026-", "1"), ("", "INC-"))),
    "desk.search:KEY": ("fullmatch", (("INC-2026-", "1"), ("", "INC-"))),
    "desk.search:EXACT": ("search", (("", " o"), ("", "or"), ("", "\u3000"))),
    r"desk.search:\w+": ("findall", (("", "a-"),)),
    "desk.flows.log:UNSURE": ("search", (("", "i "), ("", "i thin "), ("", "seems "))),
    "desk.api.acts:_KEY": ("fullmatch", (("", "!"),)),
    "desk.triage:_OWN_LEVEL": ("sub", (("", "SEV-"), ("", "SEV-1 "))),
    "desk.replay.times:_PLUS": ("fullmatch", (("+", "1"), ("+1.", "1"), ("+1", " "))),
    "desk.replay.times:_CLOCK": ("fullmatch", (("", "10:"), ("10:00:00.", "1"))),
    r'desk.replay.reading:"?([a-z][a-z_.0-9]*)"?\s*=': ("match", (("a", " "), ("", 'a"'), ("a", "_"))),
    r"desk.replay.reading:\s*\[\[\s*step\s*\]\]": ("match", (("[[", " "), ("[[step", " "), ("", "[["))),
    "desk.quick_poll:ROOM": ("fullmatch", (("/incidents/INC-2026-", "1"), ("", "/incidents/"))),
    "desk.quick_poll:SECRET": ("fullmatch", ()),
    "desk.quick_poll:AFTER": ("fullmatch", (("after=", "1"), ("", "after="))),
}  # fmt: skip


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the apps with its file."""
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path


def in_file(path: Path) -> Iterator[str]:
    """The patterns of a file: their names, else the text that stands there."""
    tree = ast.parse(path.read_text())
    names = {
        id(node.value): target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign) and "re.compile(" in ast.unparse(node)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.module not in ("re", "regex"), (
                f"{path}: import re as a whole, so that its patterns are found"
            )
        if isinstance(node, ast.Import):
            assert not any(one.name == "re" and one.asname for one in node.names), (
                f"{path}: call re by its name"
            )
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and ast.unparse(called.value) == "re" and called.attr in CALLS:
            assert isinstance(node, ast.Call)
            first = node.args[0]
            yield names.get(id(node)) or (
                str(first.value) if isinstance(first, ast.Constant) else ast.unparse(first)
            )


def pattern(row: str) -> re.Pattern[str]:
    """The pattern of a row as the desk uses it."""
    place, _, name = row.partition(":")
    module: ModuleType = importlib.import_module(place)
    if row == "comms.composition:whole":
        return re.compile(rf"^{re.escape('Status: Investigating')}$", re.MULTILINE)
    found = vars(module).get(name) if name.isidentifier() else re.compile(name)
    assert isinstance(found, re.Pattern), row
    return found


def work(does: Callable[[str], object], first: str, piece: str, size: int, last: str = "") -> float:
    """Processor time of one text, the least of three."""
    given, found = first + piece * (size // len(piece)) + last, []
    for _ in range(3):
        begun = time.thread_time()
        with contextlib.suppress(DeskError):
            does(given)
        found.append(time.thread_time() - begun)
    return min(found)


def is_linear(
    does: Callable[[str], object], first: str, piece: str, last: str = "", size: int = SIZE
) -> bool:
    """Whether eight times the text is less than three times eight times the work; its square would be 64 times."""
    small = work(does, first, piece, size, last)
    return (
        work(does, first, piece, FACTOR * size, last) <= 3 * FACTOR * small + 0.002
    )  # the clock's own grain


def test_every_pattern_of_the_apps_stands_in_a_row() -> None:
    found = {f"{module}:{name}" for module, path in modules() for name in in_file(path)}

    assert found == set(ROWS)


def test_no_module_has_a_pattern_that_was_made_in_another_way() -> None:
    known = {id(pattern(row)) for row in ROWS}
    for module, _ in modules():
        if module.rpartition(".")[2] in ("asgi", "wsgi", "__main__") or ".migrations." in module:
            continue
        made = vars(importlib.import_module(module)).items()
        assert not [name for name, each in made if isinstance(each, re.Pattern) and id(each) not in known], (
            module
        )


@pytest.mark.parametrize("row", ROWS)
def test_eight_times_the_text_is_about_eight_times_the_work(row: str) -> None:
    used, own = ROWS[row]
    found = pattern(row)

    def does(given: str) -> None:
        if used == "sub":
            found.sub("", given)
        elif used == "finditer":
            list(found.finditer(given))
        elif used == "guarded":  # runs only over what was taken as a whole
            _ = client_address._PIECES.fullmatch(given) and found.findall(given)
        else:
            getattr(found, used)(given)

    for first, piece in (*(("", piece) for piece in PIECES), *own):
        for last in ("", "\x00"):
            assert is_linear(does, first, piece, last), (row, first, piece, last)


READERS: Final[dict[str, Callable[[str], object]]] = {
    "markdown": markdown.render,
    "text": lambda given: text.clean_text(given, limit=10**6),
    "line": lambda given: text.clean_line(given, limit=10**6),
    "header": text.header_line,
    "json": lambda given: strict_json.loads(given.encode()),
    "field": is_secret,
    "search": lambda given: search.matching(given, whole=True),
    "log": logs.masked,
    "forwarded": lambda given: client_address.address_in(
        {"REMOTE_ADDR": "192.0.2.1", "HTTP_FORWARDED": given[:8_192]}
    ),
}
HARD: Final = (
    *PIECES, "[a](", "![", "*a_ ", "*", "**a ", "`", "<a ", "&", "> ", "- ", "|", "|\n", "[a]: b\n", "~~", "__a*", "<!--", "http://a ",
    "[](", "* a\n", "`\\", "[a][", "]", "\u0301", "a\u0301", "|a|\n|-|\n", "\\[", "](", "**_", "a*", "\u202e", "\u200b ", "\u1100\u1161",
)  # fmt: skip


@pytest.mark.parametrize("reader", READERS)
def test_what_reads_typed_text_is_linear_as_a_whole(reader: str, settings: Any) -> None:
    settings.BEHIND_PROXY = True
    for piece in HARD:
        for first in ("", '["') if reader == "json" else ("",):
            assert is_linear(READERS[reader], first, piece), (reader, first, piece)
