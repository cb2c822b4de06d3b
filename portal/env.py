"""Reads the environment once, loudly: every variable may also come from a file named by NAME_FILE."""

import base64
import binascii
import sys
from typing import NoReturn

from environs import EnvError, FileAwareEnv

env = FileAwareEnv()


def stop(message: str) -> NoReturn:
    """End the start with one clear line; a half-configured portal must not run."""
    sys.stderr.write(f"gatehouse: {message}\n")
    raise SystemExit(78)


def required(name: str, what: str) -> str:
    """The value of `name`, or the end of the start with a line that says what it is for."""
    try:
        value = env.str(name, "")
    except EnvError as error:
        stop(str(error))
    if not value.strip():
        stop(f"{name} (or {name}_FILE) is not set: {what}.")
    return str(value)


def key_bytes(name: str, what: str) -> bytes:
    """32 bytes given as base64."""
    text = required(name, what)
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        stop(f"{name} is not valid base64: {what}.")
    if len(key) != 32:
        stop(f"{name} must decode to 32 bytes, not {len(key)}: {what}.")
    return key
