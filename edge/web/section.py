"""The [web] part of box.toml: where the page listens, and who may see it."""

import ipaddress
from pathlib import Path

from pydantic import Field, model_validator

from edge.section import Credential, Section


class WebTls(Section):
    """The page over HTTPS; with `client_ca_file` only browsers that show a certificate of it are let in."""

    certificate_file: Path = Field(description="PEM of the page's certificate")
    key_file: Path = Field(description="PEM of its key, unencrypted; guard it by its rights")
    client_ca_file: Path | None = Field(
        default=None, description="PEM of who signs users' certificates: mutual TLS, which replaces the token"
    )


class Predict(Section):
    """`POST /v1/predict`: pictures from outside for the box's models, one at a time, after the cameras' frames."""

    max_mib: float = Field(default=8.0, gt=0, le=64, description="of one picture as it comes")
    max_megapixels: float = Field(default=25.0, gt=0, le=100, description="of one picture, however small its file")
    codes: bool = Field(default=True, description="whether to look for codes, those of [codes]")


class Web(Section):
    """The box's own page, /metrics and /healthz. Without this part the box opens no port."""

    host: str = Field(default="127.0.0.1", description="address to listen at; 0.0.0.0 for all")
    port: int = Field(default=8480, ge=1, le=65535)
    token_file: Path | None = Field(
        default=None,
        description="a file that holds the token and nothing else, readable by its owner alone; "
        "`edgekit config token FILE` makes one",
    )
    token_credential: Credential | None = Field(
        default=None, description="the name of a systemd credential that holds the token, in place of token_file"
    )
    tls: WebTls | None = None
    predict: Predict | None = Field(default=None, description="without this part no picture is taken from outside")
    open_metrics: bool = Field(default=False, description="/metrics for everybody; /healthz always is")

    @property
    def on_loopback(self) -> bool:
        """Whether nobody but this machine's own users reaches the page."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False  # a name: who knows where it points

    @property
    def has_token(self) -> bool:
        """Whether a token has to be shown."""
        return self.token_file is not None or self.token_credential is not None

    @property
    def mutual_tls(self) -> bool:
        """Whether TLS itself tells who may come in."""
        return self.tls is not None and self.tls.client_ca_file is not None

    @model_validator(mode="after")
    def _is_guarded(self) -> "Web":
        if self.token_file is not None and self.token_credential is not None:
            raise ValueError("token_file and token_credential are two places for one token: name one")
        if not (self.on_loopback or self.has_token or self.mutual_tls):
            raise ValueError(
                f"at {self.host} anybody on the network could open the page: name a token_file "
                "(`edgekit config token FILE` makes one) or tls with client_ca_file, or listen at 127.0.0.1"
            )
        return self
