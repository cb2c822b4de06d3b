"""`manage.py usage_sums`: are the daily sums those of the raw rows? With --mend, make the wrong ones anew."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from evidence.actions.sums import check_sums, mend_sums


class Command(BaseCommand):
    help = "Compare the daily usage sums with the raw rows; exit 1 when they differ."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--mend", action="store_true", help="make the sums that differ anew from the raw rows")

    def handle(self, *args: Any, **options: Any) -> None:
        found = check_sums()
        for each in found:
            self.stdout.write(f"{each.reference} {each.day}: the sums are not those of its rows")
        if found and options["mend"]:
            self.stdout.write(f"{mend_sums(found)} days made anew.")
        elif found:
            raise CommandError(f"{len(found)} days differ. Run again with --mend to make them anew.")
        else:
            self.stdout.write("Every sum is that of its rows.")
