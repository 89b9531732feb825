"""Give a box an identity for mutual TLS: a key that never leaves it, a request, and the certificate that comes back."""

from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help=__doc__)

Secrets = Annotated[Path, typer.Option(help="The box's folder of secrets.")]
SECRETS = Path("/etc/edgekit/secrets")


@app.command()
def request(
    *,
    config: Annotated[Path, typer.Option(help="The box.toml that names site and box.")] = Path("/etc/edgekit/box.toml"),
    secrets: Secrets = SECRETS,
) -> None:
    """Print a request for a certificate (PEM); its key is made if none waits, and stays on the box.

    Example: edgekit enroll request > line1.csr
    """
    from edge.config import load_config  # noqa: PLC0415 - help must not wait for cryptography
    from edge.deploy.identity import Name  # noqa: PLC0415
    from edge.deploy.identity import request as ask  # noqa: PLC0415

    box = load_config(config).box
    print(ask(secrets, Name(box.site, box.name)).decode(), end="")


@app.command()
def accept(
    certificate: Annotated[Path, typer.Argument(help="PEM: the box's own first, then those between.")],
    *,
    authority: Annotated[Path | None, typer.Option("--ca", help="PEM of who must have issued it.")] = None,
    secrets: Secrets = SECRETS,
) -> None:
    """Put a certificate to use once it was found to be for this box's key; then restart the service.

    Example: edgekit enroll accept line1.pem --ca site-ca.pem
    """
    from edge.deploy.identity import accept as take  # noqa: PLC0415 - help must not wait for cryptography

    own = take(secrets, certificate, authority, datetime.now(timezone.utc))
    print(f'in use until {own.not_valid_after_utc:%Y-%m-%d}: identity_credential = "identity" in [mqtt.tls] names it')
