"""Makes the first administrator of a fresh installation; refused once there is one."""

import getpass
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.access import Refused
from portal.actions.people import create_first_administrator
from portal.models import User


class Command(BaseCommand):
    help = "Make the first administrator. The password is asked for, or read from standard input; never an argument."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="the name to sign in by")
        parser.add_argument("--name", default="", help="the person's name; the sign-in name when left out")

    def handle(self, *args: Any, **options: Any) -> None:
        username, name = options["username"], options["name"] or options["username"]
        password = _password()
        person = User(username=username, name=name)
        person.set_unusable_password()
        try:
            person.clean_fields()
            validate_password(password, person)
            created = create_first_administrator(username=username, name=name, password=password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except Refused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"{created.username} administers this portal and can sign in.")


def _password() -> str:
    """From the prompt, typed twice; from standard input when that is no terminal."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise CommandError("The two passwords differ.")
    return password
