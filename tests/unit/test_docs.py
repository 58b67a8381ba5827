"""What the pages say is there: links, tests, sections, names and addresses; and that their diagrams can be drawn."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from support.routes import operations

CHECKOUT: Final = Path(__file__).parents[2]
DOCS: Final = CHECKOUT / "docs"
PAGES: Final = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("bench/*.md"), *DOCS.rglob("*.md")])
PACKAGES: Final = ("billing", "activities", "workflows", "adapters", "worker", "api", "sandbox")
INWARD: Final = ("architecture", "billing-rules", "glossary", "guarantees", "paths", "stripe")
"""Pages about the inside: what they name is named so in the source."""

FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
NAMED_TEST: Final = re.compile(r"(tests/[\w/]+\.py)::(\w+)")
NAME: Final = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b|\b(?:[A-Z][a-z]+){2,}\b")
"""snake_case, or the CamelCase of a class."""
BACKTICKS: Final = re.compile(r"`([^`\n]+)`")
CITED: Final = re.compile(r"billing-rules (\d+)|\b(architecture|stripe\.md|http-api\.md),\s+\"([^\"]+)\"", re.DOTALL)
ADDRESS: Final = re.compile(r"\$API(/[^\"\s?]*)")

MESSAGE: Final = re.compile(r"(\w+)-?->>(\w+): .+")
OPENED: Final = re.compile(r"(alt|opt|loop|par|critical|break|rect)\b")
OTHERWISE: Final = re.compile(r"else\b|Note (?:over|left of|right of) \w+(?:,\w+)?: .+|sequenceDiagram$|autonumber$")


def shown(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(page.read_text()) if kind == language]


def anchor(heading: str) -> str:
    """As GitHub makes them."""
    words = LINK.sub("]", heading).lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


@cache
def anchors(page: Path) -> frozenset[str]:
    return frozenset(anchor(heading) for heading in HEADING.findall(prose(page)))


@cache
def source() -> str:
    return "\n".join(file.read_text() for package in PACKAGES for file in sorted((CHECKOUT / package).rglob("*.py")))


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(prose(page)) if not re.match(r"\w+:", link)]
    for link in links:
        path, _, part = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} is not there"
        assert not part or part in anchors(target), f"{link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_test_that_is_named_exists(page: Path) -> None:
    for path, name in NAMED_TEST.findall(page.read_text()):
        assert (CHECKOUT / path).exists(), f"{path} is not there"
        assert name in collected(CHECKOUT / path), f"{path} has no {name}"


@cache
def collected(file: Path) -> frozenset[str]:
    """What pytest would collect there by its name."""
    names: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(name for name in names if name.lower().startswith("test"))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "mermaid")], ids=shown)
def test_every_diagram_can_be_drawn(page: Path) -> None:
    for diagram in blocks(page, "mermaid"):
        kind, *lines = [line.strip() for line in diagram.splitlines()]
        if kind == "sequenceDiagram":
            assert wrong_in_sequence(lines) == []
        else:
            assert re.fullmatch(r"flowchart (LR|TD|TB)|stateDiagram-v2", kind), f"a diagram of the kind {kind!r}"


def wrong_in_sequence(lines: list[str]) -> list[str]:
    """The lines that mermaid could not read, and what is left open."""
    known = {line.split()[1] for line in lines if line.startswith("participant ")}
    wrong, depth = [], 0
    for line in lines:
        message = MESSAGE.fullmatch(line)
        depth += bool(OPENED.match(line)) - (line == "end")
        readable = message or OPENED.match(line) or OTHERWISE.match(line) or line in ("", "end")
        if ";" in line or "#" in line or depth < 0 or not (readable or line.startswith("participant ")):
            wrong.append(line)
        if message and not set(message.groups()) <= known:
            wrong.append(f"{line}: no such participant")
    return wrong + ["a block is left open"] * depth


def test_decisions_are_numbered_without_a_gap_and_listed() -> None:
    decisions = sorted((DOCS / "adr").glob("*.md"))
    titles = [decision.read_text().partition("\n")[0] for decision in decisions]
    assert [int(decision.name[:4]) for decision in decisions] == list(range(1, len(decisions) + 1))
    index = (DOCS / "README.md").read_text()
    for number, (decision, title) in enumerate(zip(decisions, titles, strict=True), start=1):
        assert title.startswith(f"# {number}. "), decision.name
        assert f"| [{number}](adr/{decision.name}) | {title.removeprefix(f'# {number}. ')} |" in index


def test_every_section_that_the_code_cites_is_there() -> None:
    rules = {heading.partition(".")[0] for heading in HEADING.findall(prose(DOCS / "billing-rules.md"))}
    files = [file for folder in (*PACKAGES, "tests", "bench") for file in (CHECKOUT / folder).rglob("*.py")]
    for file in files:
        for rule, page, section in CITED.findall(file.read_text()):
            if rule:
                assert rule in rules, f"{shown(file)} cites billing-rules {rule}"
            else:
                named = DOCS / f"{page.removesuffix('.md')}.md"
                there = anchor(" ".join(section.split())) in anchors(named)
                assert there, f'{shown(file)} cites {named.name}, "{section}"'


@pytest.mark.parametrize("name", INWARD)
def test_every_name_that_is_used_stands_in_the_source(name: str) -> None:
    page = DOCS / f"{name}.md"
    said = [code for code in BACKTICKS.findall(prose(page)) if not code.startswith("tests/")]
    words = {word for text in (*said, *blocks(page, "mermaid")) for word in NAME.findall(text)}
    assert words
    assert sorted(word for word in words if word not in source()) == []


def test_every_command_of_the_guide_calls_what_the_api_has() -> None:
    _, *commands = re.split(r"\bcurl ", "\n".join(blocks(DOCS / "http-api.md", "sh")))
    calls = [(command, found[1]) for command in commands if (found := ADDRESS.search(command))]
    assert calls
    for command, path in calls:
        given = re.search(r"-X (\w+)", command)
        method = given[1] if given else "POST" if "--json" in command else "GET"
        address = re.sub(r"\$\w+", "x", path)
        known = any(one.method == method and one.answers(address) for one in operations())
        assert known, f"{method} {path} is no operation of the API"
