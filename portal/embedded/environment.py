"""What the portal's processes find in their environment, and which services are embedded at all."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from portal.embedded.errors import EmbeddedError
from portal.embedded.home import Home
from portal.embedded.postgres import Postgres, clean_environment
from portal.embedded.valkey import Valkey

DATABASE = ("DATABASE_URL", "DATABASE_OWNER_URL")
BROKER = ("BROKER_URL", "CACHE_URL")


def given(*names: str) -> bool:
    """Whether the person named services of their own: all of `names`, or none. Raises EmbeddedError for a part."""
    there = [name for name in names if os.environ.get(name) or os.environ.get(f"{name}_FILE")]
    if there and len(there) < len(names):
        missing = " and ".join(name for name in names if name not in there)
        raise EmbeddedError(f"{' and '.join(there)} is set, but not {missing}. Set all of them, or none.")
    return bool(there)


def portal_environment(
    home: Home,
    secrets: Mapping[str, str],
    *,
    postgres: Postgres | None,
    valkey: Valkey | None,
    port: int,
    for_tests: bool = False,
) -> dict[str, str]:
    """The whole environment of a portal process. What the person set stays, except in tests, which share nothing."""
    env = clean_environment() if postgres else dict(os.environ)
    ours = {
        "SECRET_KEY": secrets["secret_key"],
        "SEALING_KEY": secrets["sealing_key"],
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    if not for_tests:
        ours = {name: value for name, value in ours.items() if not (env.get(name) or env.get(f"{name}_FILE"))}
    if postgres is not None:
        ours |= {
            "DATABASE_URL": postgres.url("app"),
            "DATABASE_OWNER_URL": postgres.url("owner"),
            "DATABASE_AUDITOR_URL": postgres.url("auditor"),
        }
        if for_tests:
            ours["DATABASE_ADMIN_URL"] = postgres.url("admin")
    if valkey is not None:
        ours |= {"BROKER_URL": valkey.broker_url, "CACHE_URL": valkey.cache_url}
    for name in ours:
        env.pop(f"{name}_FILE", None)
    here = Path(sys.executable).parent
    return env | ours | {"GATEHOUSE_HOME": str(home.root), "PATH": f"{here}{os.pathsep}{env.get('PATH', os.defpath)}"}


def for_servers(env: Mapping[str, str]) -> dict[str, str]:
    """The same without the roles a running portal must not be able to use: the guarantees rest on the database."""
    hidden = ("DATABASE_OWNER_URL", "DATABASE_AUDITOR_URL", "DATABASE_ADMIN_URL")
    return {name: value for name, value in env.items() if name.removesuffix("_FILE") not in hidden}
