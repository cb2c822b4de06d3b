"""Generated passwords and keys of one home: made once, kept in secrets.json (mode 0600)."""

import base64
import json
import secrets
from collections.abc import Callable, Mapping

from portal.embedded.errors import EmbeddedError
from portal.embedded.home import Home, write_private
from portal.embedded.roles import ROLES

FILE = "secrets.json"


def _password() -> str:
    return secrets.token_hex(24)  # hexadecimal: the same in a URL, in SQL and in a configuration file


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


MAKERS: Mapping[str, Callable[[], str]] = {
    "admin": _password,
    **dict.fromkeys(ROLES, _password),
    "valkey": _password,
    "secret_key": lambda: secrets.token_urlsafe(48),
    "sealing_key": _key,
}


def load_secrets(home: Home) -> dict[str, str]:
    """The secrets of `home` by name; missing ones are made. Refuses when the data is there but its secrets are gone."""
    path = home.root / FILE
    if path.exists():
        kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    elif home.data.exists():
        raise EmbeddedError(
            f"{path} is missing, and without it the data in {home.data} cannot be opened. "
            "Put the file back from a backup, or forget the data with `make reset`."
        )
    else:
        kept = {}
    missing = {name: make() for name, make in MAKERS.items() if name not in kept}
    if missing:
        kept |= missing
        write_private(path, json.dumps(kept, indent=2) + "\n")
    return kept
