"""Test databases: one template migrated as owner, a clone per worker, a fresh clone after every transactional test.

The suite runs as the application's role, which can neither alter nor truncate; so cleaning up is cloning anew.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from filelock import FileLock
from psycopg import sql

ROOT = Path(__file__).parent.parent


def without_pools() -> None:
    """One connection a thread, closed when the test says so: a pool would keep some to a database that is dropped."""
    for alias in ("default", "owner"):
        for config in (settings.DATABASES[alias], connections[alias].settings_dict):
            config["OPTIONS"].pop("pool", None)


def template_name() -> str:
    """Named after everything that shapes the schema, so that a changed migration builds a new one."""
    shape = hashlib.sha256()
    for path in sorted(ROOT.glob("*/migrations/*.py")) + sorted(ROOT.glob("*/content/*.yaml")):
        shape.update(path.read_bytes())
    return f"gatehouse_template_{shape.hexdigest()[:12]}"


def build_template(name: str, lock: Path) -> None:
    """Create and migrate the template once, however many workers ask."""
    with FileLock(str(lock)):
        if _exists(name):
            return
        building = f"{name}_building"
        _drop(building)
        _admin(sql.SQL("CREATE DATABASE {} OWNER gatehouse_owner").format(sql.Identifier(building)))
        previous = _point_to(building)
        try:
            call_command("migrate", database="owner", verbosity=0, interactive=False)
            call_command("install", verbosity=0)
        finally:
            close()
            _restore(previous)
        _admin(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(building), sql.Identifier(name)))


def clone(template: str, name: str) -> None:
    """A new database from the template; an older one of the name is dropped, connections and all."""
    close()
    _drop(name)
    _admin(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy OWNER gatehouse_owner").format(
            sql.Identifier(name), sql.Identifier(template)
        )
    )
    _point_to(name)


def drop(name: str) -> None:
    close()
    _drop(name)


def as_owner() -> psycopg.Connection[Any]:
    """A connection to the worker's database as the role that owns the tables."""
    owner = settings.DATABASES["owner"]
    return psycopg.connect(
        host=owner["HOST"], port=owner["PORT"], user=owner["USER"], password=owner["PASSWORD"], dbname=owner["NAME"]
    )


def _point_to(name: str) -> dict[str, Any]:
    previous = {alias: settings.DATABASES[alias]["NAME"] for alias in ("default", "owner")}
    _restore(dict.fromkeys(previous, name))
    return previous


def _restore(names: dict[str, Any]) -> None:
    for alias, name in names.items():
        settings.DATABASES[alias]["NAME"] = name
        connections[alias].settings_dict["NAME"] = name


def close() -> None:
    """Close what this thread has open, as seen from here: inside and outside an event loop are two sets."""
    for connection in connections.all():
        connection.close()
        if pools := getattr(connection, "close_pool", None):
            pools()


def _exists(name: str) -> bool:
    with psycopg.connect(os.environ["DATABASE_ADMIN_URL"], autocommit=True) as connection:
        return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _drop(name: str) -> None:
    _admin(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _admin(statement: sql.Composed) -> None:
    with psycopg.connect(os.environ["DATABASE_ADMIN_URL"], autocommit=True) as connection:
        connection.execute(statement)
