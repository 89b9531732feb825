"""What documents say: each command line is one that the kit has, marked blocks run, generated pages are up to date."""

import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from edge.cli import build

REPOSITORY = Path(__file__).parents[2]
PAGES = (
    *sorted(REPOSITORY.glob("README*.md")),
    REPOSITORY / "BENCHMARKS.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
)
RECORDS = (REPOSITORY / "RESULTS.md",)  # what was run then, by the kit of then
_FENCE = re.compile(r"^```(\w*) ?([\w ]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^    .*\n?)+", re.MULTILINE)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_INLINE = re.compile(r"`(edgekit [^`]+)`")
_ENDS_COMMAND = {"|", ">", "<", "&&", ";", "…", "·", ">>", "2>", "||", "#", "&"}


@dataclass(frozen=True)
class Block:
    """A block of shell that a page marks as one to be run: ```sh run, or ```sh run long."""

    page: Path
    number: int
    long: bool
    shell: str


def blocks() -> Iterator[Block]:
    for page in PAGES:
        marked = [found for found in _FENCE.finditer(page.read_text(encoding="utf-8")) if "run" in found[2].split()]
        for number, found in enumerate(marked):
            yield Block(page, number, "long" in found[2].split(), found[3])


def command_lines(page: Path) -> set[str]:
    """Return all command lines of the kit on a page: in blocks of either form, and inline."""
    text = page.read_text(encoding="utf-8")
    shells = [found[3] for found in _FENCE.finditer(text) if found[1] in ("sh", "")]
    rest = _FENCE.sub("", text)
    shells += _INDENTED.findall(rest)
    lines = [line.strip() for shell in shells for line in shell.replace("\\\n", " ").splitlines()]
    found = {line for line in lines if line.startswith("edgekit ")}
    return found | set(_INLINE.findall(rest))


def words(line: str) -> list[str]:
    """Return a command's words up to where another program, a comment or an ellipsis begins."""
    found: list[str] = []
    for word in shlex.split(line, comments=True):
        if word in _ENDS_COMMAND:
            break
        found.append(word)
    return found[1:]


@cache
def tree(name: str) -> Any:
    return typer.main.get_command(build([name]))


def parse(line: str) -> None:
    """Parse a command line as the kit would, without running it; a page may leave what it requires unsaid."""
    rest = words(line)
    command: Any = tree(rest[0])
    name = "edgekit"
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        context = command.make_context(name, [], resilient_parsing=True)
        name = rest.pop(0)
        command = command.get_command(context, name)
        assert command is not None, f"there is no command {name}"
    context = command.make_context(name, [], resilient_parsing=True)
    context.resilient_parsing = False  # or else the parser forgives unknown options
    _, more, _ = command.make_parser(context).parse_args(list(rest))
    assert not more or hasattr(command, "commands"), f"nobody takes {more}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_of_a_page_is_one_that_the_kit_has(page: Path) -> None:
    faults: list[str] = []
    for line in sorted(command_lines(page)):
        try:
            parse(line)
        except Exception as exc:  # noqa: BLE001 - whatever the parser finds wrong belongs beside its line
            faults.append(f"{line}: {exc}")
    assert not faults, "\n".join(faults)


def test_a_wrong_command_or_option_is_found() -> None:
    for line in ("edgekit nothing", "edgekit bench --nonsense", "edgekit train nothing", "edgekit demo here"):
        with pytest.raises(Exception, match=r"nothing|nonsense|nobody takes"):
            parse(line)


def commands_by_row(readme: str) -> list[list[str]]:
    """Return the code in each row of a README's tables of commands, sorted, since languages differ in order."""
    text = (REPOSITORY / readme).read_text(encoding="utf-8")
    tables = text[text.index("\n### ") : text.rindex("\n## ")]
    return [sorted(re.findall(r"`([^`]+)`", line)) for line in tables.splitlines() if line.startswith("| ")]


def test_both_readmes_have_the_same_table_of_commands() -> None:
    assert commands_by_row("README.zh-CN.md") == commands_by_row("README.md")


def run(block: Block, folder: Path) -> None:
    """Run a block in a folder that looks like a checkout, with the kit's command at hand."""
    for name in ("edge", "systemd"):
        if not (folder / name).exists():
            (folder / name).symlink_to(REPOSITORY / name)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    data = os.environ.get("EDGEKIT_DATA")
    if data and "$WEIGHTS" in block.shell:
        environment["WEIGHTS"] = f"{data}/weights/yolov8n-coco.pt"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.shell],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{block.shell}\n{done.stdout}\n{done.stderr}"


PAGES_TO_RUN = sorted({block.page for block in blocks()})


@pytest.mark.parametrize("page", PAGES_TO_RUN, ids=lambda page: page.name)
def test_quick_blocks_run_one_after_the_other(page: Path, tmp_path: Path) -> None:
    for block in blocks():
        if block.page == page and not block.long:
            run(block, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3600)  # the tutorial's 136 s of processor take ten times as long where much else runs
@pytest.mark.parametrize("page", PAGES_TO_RUN, ids=lambda page: page.name)
def test_all_blocks_run_one_after_the_other(page: Path, tmp_path: Path, data_folder: Path) -> None:
    del data_folder  # weights to start from
    for block in blocks():
        if block.page == page:
            run(block, tmp_path)


@pytest.mark.parametrize(
    ("page", "command"),
    [("mqtt.md", ("schema", "markdown")), ("configuration.md", ("config", "reference"))],
)
def test_generated_pages_are_what_the_code_says_today(page: str, command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge", *command], capture_output=True, text=True, check=True, timeout=60
    )
    assert (REPOSITORY / "docs" / page).read_text(encoding="utf-8") == done.stdout, (
        f"docs/{page} is older than the code: edgekit {' '.join(command)} > docs/{page}"
    )


def test_links_between_pages_lead_somewhere() -> None:
    lost: list[str] = []
    for page in (*PAGES, *RECORDS):
        text = _FENCE.sub("", page.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in target:
                continue
            path, _, anchor = target.partition("#")
            to = (page.parent / path).resolve() if path else page
            if not to.exists() or (anchor and to.suffix == ".md" and anchor not in anchors(to)):
                lost.append(f"{page.name}: {target}")
    assert not lost, "\n".join(lost)


def test_no_page_tells_the_same_twice() -> None:
    doubled = [
        f"{page.name}: {heading}"
        for page in PAGES
        for heading, count in Counter(_HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))).items()
        if count > 1
    ]
    assert not doubled, "\n".join(doubled)


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = _HEADING.findall(page.read_text(encoding="utf-8"))
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)
