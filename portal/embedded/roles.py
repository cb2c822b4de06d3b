"""The SQL that creates Gatehouse's roles, database and privileges, for the embedded and for any other PostgreSQL."""

from pathlib import Path

HERE = Path(__file__).parent
ROLES = ("owner", "app", "auditor", "sealer", "signer")


def roles_sql() -> str:
    """The psql script for an administrator of the cluster: roles, database, then privileges inside it."""
    return f"{_script('roles')}\n\\connect gatehouse\n{_script('privileges')}"


def template_sql() -> str:
    """The same privileges in template1, so that a database created later, as tests do, starts with them."""
    return f"\\connect template1\n{_script('privileges')}"


def password_variable(role: str) -> str:
    """The environment variable from which `roles_sql` takes the password of `role`."""
    return f"GATEHOUSE_{role.upper()}_PASSWORD"


def _script(name: str) -> str:
    return (HERE / f"{name}.sql").read_text(encoding="utf-8")
