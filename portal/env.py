"""Reads the environment once, loudly: every variable may also come from a file named by NAME_FILE."""

import base64
import binascii
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from environs import EnvError, FileAwareEnv

Value = TypeVar("Value")

# Files of secrets usually end with a line break that nobody typed.
env = FileAwareEnv(strip_whitespace=True)


def stop(message: str) -> NoReturn:
    """End the start with one clear line; a half-configured portal must not run."""
    sys.stderr.write(f"gatehouse: {message}\n")
    raise SystemExit(78)


def text(name: str, default: str = "") -> str:
    return _read(env.str, name, default)


def flag(name: str, default: bool) -> bool:
    return _read(env.bool, name, default)


def number(name: str, default: int) -> int:
    return _read(env.int, name, default)


def words(name: str, default: list[str]) -> list[str]:
    """Values separated by commas."""
    return [word.strip() for word in _read(env.list, name, default) if word.strip()]


def required(name: str, what: str, *, shortest: int = 1) -> str:
    """The value of `name`, or the end of the start with a line that says what it is for."""
    value = text(name)
    if not value.strip():
        stop(f"{name} (or {name}_FILE) is not set: {what}.")
    if len(value) < shortest:
        stop(f"{name} is too short, at least {shortest} characters: {what}.")
    return value


def optional_secret(name: str, *, shortest: int) -> str:
    """The value of `name` or nothing; one too short to be a secret ends the start."""
    value = text(name)
    if value and len(value) < shortest:
        stop(f"{name} is too short, at least {shortest} characters.")
    return value


def address(name: str, value: str, *schemes: str) -> str:
    """The value when it is a URL of one of the schemes; otherwise the end of the start. The value is never printed."""
    try:
        found = urlsplit(value).scheme
    except ValueError:
        found = ""
    if found not in schemes:
        stop(f"{name} is not an address that starts with {' or '.join(f'{scheme}:' for scheme in schemes)}.")
    return value


def key_bytes(name: str, what: str) -> bytes:
    """32 bytes given as base64."""
    given = required(name, what)
    try:
        key = base64.b64decode(given, validate=True)
    except binascii.Error:
        stop(f"{name} is not valid base64: {what}.")
    if len(key) != 32:
        stop(f"{name} must decode to 32 bytes, not {len(key)}: {what}.")
    return key


def _read(reader: Callable[..., Any], name: str, default: Value) -> Value:
    try:
        value: Value = reader(name, default)
    except EnvError:
        # The library's own sentence quotes the value, which may be a secret.
        stop(f"{name} cannot be read: a {type(default).__name__} is expected.")
    except (OSError, ValueError):
        stop(f"{name}_FILE does not name a readable text file.")
    return value
