"""The profiles in the wheel: each whole, each with what a person needs who buys or sets up a box."""

from pathlib import Path

import pytest

from devices.errors import EdgekitError
from devices.library import profile, profiles
from devices.profile import Profile
from devices.validation import parse_toml

UNSUPPORTED = {"jetson-nano", "jetson-xavier", "jetson-orin-jetpack5"}


def test_every_profile_is_named_as_its_file_and_no_two_are_alike() -> None:
    names = [one.name for one in profiles()]
    files = sorted((Path(__file__).parents[2] / "devices/profiles").glob("*.toml"))
    assert names == [file.stem for file in files]
    assert len({(one.match.model_dump_json()) for one in profiles()}) == len(names)


def test_what_is_not_supported_says_why_and_what_to_take_instead() -> None:
    assert {one.name for one in profiles() if not one.supported} == UNSUPPORTED
    for name in UNSUPPORTED:
        reason = profile(name).reason or ""
        assert "JetPack" in reason
        assert "take" in reason or "write" in reason


def test_a_published_figure_names_who_published_it() -> None:
    figures = [figure for one in profiles() for figure in one.figures]
    assert figures
    assert all(figure.source.startswith("https://") for figure in figures)


def test_every_jetson_knows_its_power_modes_and_the_versions_it_needs() -> None:
    jetsons = [one for one in profiles() if one.supported and one.match.l4t_major]
    assert len(jetsons) == 7
    for one in jetsons:
        assert one.runtime is not None
        assert one.power_modes, one.name
        assert one.runtime.least_cuda, one.name
        assert one.runtime.least_tensorrt, one.name


def test_an_unknown_profile_is_one_line_that_names_those_that_there_are() -> None:
    with pytest.raises(EdgekitError, match="choose one of aarch64-generic, intel-igpu"):
        profile("commodore-64")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('name = "a"\ntitle = "A"\n[match]\narchitecture = "x86_64"\n', r"needs \[runtime\] and \[inference\]"),
        ('name = "a"\ntitle = "A"\nsupported = false\n[match]\narchitecture = "x86_64"\n', "needs a reason"),
        (
            'name = "A B"\ntitle = "A"\nsupported = false\nreason = "r"\n[match]\narchitecture = "x86_64"\n',
            "name: lower",
        ),
        ('name = "a"\ntitle = "A"\ncores = 4\n[match]\narchitecture = "x86_64"\n', "unknown key cores"),
    ],
)
def test_a_broken_profile_is_refused_with_the_key_named(text: str, fault: str) -> None:
    with pytest.raises(EdgekitError, match=fault):
        parse_toml(text.encode(), Path("a.toml"), Profile)
