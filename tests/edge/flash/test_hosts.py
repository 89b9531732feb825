"""Addresses of boxes: what is one, and what could be read as something else."""

import pytest

from devices.errors import EdgekitError
from edge.flash.hosts import Host, parse_host


@pytest.mark.parametrize(
    ("told", "host"),
    [
        ("line1", Host(None, "line1")),
        ("root@line1.site.example:2222", Host("root", "line1.site.example", 2222)),
        ("edge@192.0.2.7", Host("edge", "192.0.2.7")),
        ("edge@[2001:db8::7]:22", Host("edge", "2001:db8::7")),
    ],
)
def test_an_address_is_read_and_written_as_a_person_does(told: str, host: Host) -> None:
    assert parse_host(told) == host
    assert parse_host(str(host)) == host


@pytest.mark.parametrize(
    "told",
    ["", "-oProxyCommand=reboot", "a@-b", "root@a b", "a;reboot", "$(reboot)", "a@b@c", "../box", "a/b", "x:0",
     "x:70000", "x\n", "[::zz]", "host..x", "a@b:22x", "`id`", "a'b", "root@"],
)  # fmt: skip
def test_what_is_no_address_is_refused(told: str) -> None:
    with pytest.raises(EdgekitError):
        parse_host(told)
