"""box.toml: what is allowed is read whole, what is not is named with its key and what would be allowed."""

from pathlib import Path

import pytest

from devices.errors import EdgekitError
from edge.config import load_config
from edge.video.section import RtspSource

WHOLE = """
[box]
site = "hamburg"
name = "line1"

[bundle]
path = "bundle"

[outbox]
path = "/var/lib/edgekit/outbox.db"

[[camera]]
name = "belt"
source = { kind = "rtsp", url = "rtsp://user:secret@10.0.0.1/stream" }

[[camera.line]]
name = "gate"
start = [0.7, 0.0]
end = [0.7, 1.0]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "box.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_whole_configuration_is_read_with_defaults(tmp_path: Path):
    config = load_config(write(tmp_path, WHOLE))
    assert isinstance(config.cameras[0].source, RtspSource)
    assert config.cameras[0].lines[0].name == "gate"
    assert config.mqtt.port == 1883


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path: Path):
    config = load_config(write(tmp_path, WHOLE))
    assert config.bundle.path == tmp_path / "bundle"
    assert config.outbox.path == Path("/var/lib/edgekit/outbox.db")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('site = "hamburg"', 'site = "ham/burg"', "box.site: 1 to 64 letters, digits, - or _"),
        ('site = "hamburg"', 'site = "hamburg"\nsight = 1', "unknown key box.sight; allowed here: site, name"),
        ('path = "bundle"', "", "bundle.path is missing"),
        ('url = "rtsp:', 'url = "http:', "camera[0].source.url: begins with rtsp:// or rtsps://"),
        ('kind = "rtsp"', 'kind = "rstp"', "'file', 'folder', 'rtsp', 'usb'"),
        (
            'kind = "rtsp",',
            'kind = "rtsp", fsp = 3,',
            "unknown key camera[0].source.fsp; allowed here: username, password_file, password_credential, kind, url",
        ),
        (
            "[[camera.line]]",
            "[[camera.lines]]",
            "unknown key camera[0].lines; allowed here: name, source, policy, trigger_deadline_ms",
        ),
        (
            "[[camera.line]]",
            'policy = "trigger"\n[[camera.line]]',
            "camera[0]: a camera with policy trigger sees nothing between triggers: no line or shelf can be kept",
        ),
        ("end = [0.7, 1.0]", "end = [0.7, 1.0]\nhysteresis = 1.0", "hysteresis: Input should be less than 0.5"),
        ("[outbox]", "[codes]\nformats = []\n[outbox]", "codes.formats"),
        ("start = [0.7, 0.0]", "start = [0.7, 1.0]", "start and end are the same point"),
        (
            "start = [0.7, 0.0]",
            "start = [7, 0.0]",
            "camera[0].line[0].start[0]: Input should be less than or equal to 1",
        ),
        ("[outbox]", '[mqtt]\nport = "x"\n[outbox]', "mqtt.port: Input should be a valid integer"),
        ("[box]", "[box", "is not valid TOML"),
    ],
)
def test_each_fault_is_named_in_one_line(tmp_path: Path, old: str, new: str, said: str):
    assert old in WHOLE
    with pytest.raises(EdgekitError) as caught:
        load_config(write(tmp_path, WHOLE.replace(old, new, 1)))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"rtsp://user', '"rtp://user'),
        ('kind = "rtsp"', 'kind = "rstp"'),
        ('{ kind = "rtsp", url = "rtsp://user:secret@10.0.0.1/stream" }', '"rtsp://user:secret@10.0.0.1/stream"'),
        ("user:secret@", "user:se@cret/@ "),
    ],
)
def test_no_fault_tells_a_cameras_password(tmp_path: Path, old: str, new: str):
    assert old in WHOLE
    wrong = WHOLE.replace(old, new, 1).replace('kind = "rtsp"', 'kind = "rtsp", fsp = 3', 1)
    with pytest.raises(EdgekitError) as caught:
        load_config(write(tmp_path, wrong))
    assert "cret" not in str(caught.value)
    assert "user:" not in str(caught.value)


def test_two_lines_of_one_name_are_refused(tmp_path: Path):
    again = WHOLE[WHOLE.index("[[camera.line]]") :]
    with pytest.raises(EdgekitError, match="two lines or shelves have the same name: gate, gate"):
        load_config(write(tmp_path, WHOLE + again))


def test_two_cameras_of_one_name_are_refused(tmp_path: Path):
    again = WHOLE[WHOLE.index("[[camera]]") :]
    with pytest.raises(EdgekitError, match="two cameras have the same name"):
        load_config(write(tmp_path, WHOLE + again))


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(EdgekitError, match="cannot read the configuration"):
        load_config(tmp_path / "none.toml")
