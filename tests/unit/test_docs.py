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
RULE: Final = re.compile(r"billing-rules (\d+)")
SECTION: Final = re.compile(r"\b(architecture|[a-z-]+\.md),\s+\"([^\"]+)\"")
PAGE: Final = re.compile(r"\b([a-z]+(?:-[a-z]+)*\.md)\b|\bdocs/adr/(\d{4})\b")
ADDRESS: Final = re.compile(r"\$API(/[^\"\s?]*)")

KIND: Final = re.compile(
    r"sequenceDiagram|(?:flowchart|graph) (?:LR|RL|TD|TB|BT)|stateDiagram-v2|erDiagram|gantt|timeline"
)
MESSAGE: Final = re.compile(r"(\w+)-?-(?:>>|>|x|\))[+-]?(\w+): .+")
OPENED: Final = re.compile(r"(alt|opt|loop|par|critical|break|rect|box)\b")
OTHERWISE: Final = re.compile(
    r"(participant|actor|else|and|option|activate|deactivate|autonumber|end)\b|"
    r"Note (over|left of|right of) \w+(,\w+)?: .+|$"
)


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
        assert KIND.fullmatch(kind), f"a diagram of the kind {kind!r}"
        if kind == "sequenceDiagram":
            assert wrong_in_sequence(lines) == []


def wrong_in_sequence(lines: list[str]) -> list[str]:
    """The lines that mermaid could not read, and what is left open."""
    known = {line.split()[1] for line in lines if line.startswith(("participant ", "actor "))}
    wrong, depth = [], 0
    for line in lines:
        message, opened = MESSAGE.fullmatch(line), OPENED.match(line)
        depth += bool(opened) - (line == "end")
        # Both begin something else, wherever they stand.
        if ";" in line or "#" in line or depth < 0 or not (message or opened or OTHERWISE.match(line)):
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


def test_what_the_code_cites_is_there() -> None:
    rules = {heading.partition(".")[0] for heading in HEADING.findall(prose(DOCS / "billing-rules.md"))}
    decisions = {decision.name[:4] for decision in (DOCS / "adr").glob("*.md")}
    folders = (*PACKAGES, "tests", "bench")
    for file in (file for folder in folders for file in sorted((CHECKOUT / folder).rglob("*.py"))):
        said = file.read_text()
        wrong = [f"billing-rules {rule}" for rule in RULE.findall(said) if rule not in rules]
        for page, decision in PAGE.findall(said):
            known = decision in decisions if decision else (DOCS / page).exists()
            wrong += [] if known else [page or f"decision {decision}"]
        for page, section in SECTION.findall(said):
            named = DOCS / f"{page.removesuffix('.md')}.md"
            known = named.exists() and anchor(" ".join(section.split())) in anchors(named)
            wrong += [] if known else [f'{page}, "{section}"']
        assert wrong == [], shown(file)


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


def test_every_module_of_the_rules_stands_in_its_table() -> None:
    (table,) = re.findall(r"\| module of `billing/` \|.*?\n\n", (DOCS / "architecture.md").read_text(), re.S)
    rows = [row.split("|")[1] for row in table.strip().splitlines()[2:]]
    shown = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    modules = {path.stem for path in (DOCS.parent / "billing").glob("*.py")} - {"__init__"}
    assert modules == shown


def test_every_variable_of_the_guide_is_given_before_it_is_used() -> None:
    given = {"1"}
    for line in "\n".join(blocks(DOCS / "http-api.md", "sh")).splitlines():
        assigned = re.match(r"\s*(?:export )?(\w+)=", line)
        used = set(re.findall(r"\$(\w+)", line)) - ({assigned[1]} if assigned else set())
        assert used <= given, f"{sorted(used - given)} in: {line}"
        given |= {assigned[1]} if assigned else set()


def test_every_picture_is_shown() -> None:
    there = {picture.name for picture in (DOCS / "screenshots").iterdir()}
    shown = set(re.findall(r"\(screenshots/([\w-]+\.png)\)", (DOCS / "pages.md").read_text()))
    assert shown == there
