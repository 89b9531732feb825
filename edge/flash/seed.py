"""A seed for a fresh x86 box: an image that cloud-init takes as its NoCloud source, with the payload on it.

Nothing else is needed: a stick or a virtual drive with it, a system with cloud-init and python3, no network. What
cloud-init is told is JSON, which is YAML too, so that no name in a configuration can become a line of its own.
"""

import json
import re
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile

from devices.errors import EdgekitError
from edge.deploy.payload import PayloadList
from edge.durable import whole_file
from edge.flash.archive import write_tar

LABEL = "CIDATA"  # Source: cloud-init, datasource NoCloud
PAYLOAD = "edgekit.tar"
_PUBLIC_KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d{3}|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]+( [ -~]*)?")
# At each boot until a release is in use: a power cut in the middle of it must not be the end of it.
_INSTALL = f"""set -eu
rm -rf /var/tmp/edgekit-payload.*
[ ! -e /opt/edgekit/current ] || exit 0
umask 077
disk=$(mktemp -d)
payload=$(mktemp -d /var/tmp/edgekit-payload.XXXXXX)
trap 'umount "$disk" 2>/dev/null || true; rm -rf "$payload"' EXIT
mount -o ro LABEL={LABEL} "$disk"
tar -xf "$disk/{PAYLOAD}" -C "$payload" --no-same-owner
/usr/bin/python3 -I "$payload/install.py"
"""


def write_seed(payload: Path, listed: PayloadList, name: str, out: Path, public_key: Path | None = None) -> None:
    """Write the image; it appears whole or not at all, readable by its owner alone since it may hold secrets.

    Args:
        payload: Its folder.
        listed: What it says of itself.
        name: Of the box, for its host name.
        out: The new file.
        public_key: Of who may log in by SSH; without, nobody may.

    Raises:
        EdgekitError: `out` exists or cannot be written, or the key is none.
    """
    import pycdlib  # noqa: PLC0415 - of an extra

    if out.exists():
        raise EdgekitError(f"{out} exists: remove it or choose another name")
    host = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "edgekit"
    meta = {"instance-id": f"edgekit-{listed.release}", "local-hostname": host}
    texts = {"meta-data": json.dumps(meta), "user-data": "#cloud-config\n" + json.dumps(_user_data(public_key))}
    try:
        with TemporaryFile() as tar, whole_file(out, 0o600) as file:
            write_tar(payload, tar, moment=listed.counter)
            size = tar.tell()
            tar.seek(0)
            image = pycdlib.PyCdlib()
            image.new(interchange_level=3, vol_ident=LABEL, joliet=3, rock_ridge="1.09")
            for number, (member, text) in enumerate(sorted(texts.items())):
                content = text.encode()
                image.add_fp(BytesIO(content), len(content), f"/FILE{number}.;1", member, joliet_path=f"/{member}")
            image.add_fp(tar, size, "/EDGEKIT.TAR;1", PAYLOAD, joliet_path=f"/{PAYLOAD}")
            image.write_fp(file)
            image.close()
    except OSError as exc:
        raise EdgekitError(f"cannot write {out}: {exc.strerror}") from exc


def _user_data(public_key: Path | None) -> dict[str, object]:
    # By a transient unit: the boot goes on meanwhile. Source: cloud-init, module bootcmd, which runs at each boot.
    # Described in one line: else the script is its description, and the installer's own daemon-reload cannot read the
    # unit again, and ends it before the service is started.
    run = ["systemd-run", "--no-block", "--unit=edgekit-seed", "--description=edgekit: install from the seed"]
    run += ["--property=Type=oneshot", "sh", "-c", _INSTALL]
    told: dict[str, object] = {"bootcmd": [run]}
    if public_key is not None:
        told["ssh_authorized_keys"] = [_read_public_key(public_key)]
    return told


def _read_public_key(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise EdgekitError(f"cannot read the public key {path}: {exc}") from exc
    if not _PUBLIC_KEY.fullmatch(text):
        raise EdgekitError(f"{path} holds no single public key of SSH: name the .pub file")
    return text
