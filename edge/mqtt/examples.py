"""One real message of each kind for who writes the other side, recorded from a running box and held to the schemas."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_RECORDED = Path(__file__).with_name("examples.json")  # by tests/edge/mqtt/record_examples.py


@dataclass(frozen=True, slots=True)
class Example:
    """A message as it went over a broker.

    Attributes:
        topic: Where.
        payload: What.
    """

    topic: str
    payload: dict[str, Any]

    def text(self) -> str:
        """Return the payload as indented JSON, innermost lists of it in a line each."""
        lines: list[str] = []
        open_list: list[str] = []
        for line in json.dumps(self.payload, indent=1).splitlines():
            if line.endswith("["):
                lines += open_list
                open_list = [line]
            elif open_list and line.strip().startswith("]"):
                lines.append(open_list[0] + " ".join(each.strip() for each in open_list[1:]) + line.strip())
                open_list = []
            elif open_list and "{" not in line:
                open_list.append(line)
            else:
                lines += [*open_list, line]
                open_list = []
        return "\n".join(lines)


@cache
def examples() -> dict[str, Example]:
    """Return the examples by message, as the contract names them."""
    return {name: Example(**one) for name, one in json.loads(_RECORDED.read_text(encoding="utf-8")).items()}
