"""Where a camera is reached, with its login: what box.toml names is read when the camera is opened, and never kept."""

from urllib.parse import quote

from devices.errors import EdgekitError
from edge.credentials import credential_file, read_secret
from edge.video.section import GstreamerSource, RtspSource


def address(camera: str, source: RtspSource | GstreamerSource) -> str:
    """Return a camera's URL with user and password in it, if it has any.

    Args:
        camera: Its name, for the error.
        source: From the configuration.

    Raises:
        EdgekitError: The password cannot be read, or the URL holds a login already. No message holds either.
    """
    url = source.url or ""
    if source.username is None:
        return url
    scheme, separator, rest = url.partition("://")
    if not separator or "@" in rest.partition("/")[0]:
        raise EdgekitError(f"camera {camera}: its url holds a login and username stands there too: keep one")
    if source.password_credential is not None:
        password = read_secret(credential_file(source.password_credential), f"password_credential of camera {camera}")
    elif source.password_file is not None:
        password = read_secret(source.password_file, f"password_file of camera {camera}")
    else:
        return url
    return f"{scheme}://{quote(source.username, safe='')}:{quote(password, safe='')}@{rest}"
