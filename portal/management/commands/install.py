"""Publishes the content the portal ships with: questionnaires, gate policies. Again: only what is new."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.module_loading import import_string


class Command(BaseCommand):
    help = "Publish the questionnaires and policies this version ships with."

    def handle(self, *args: Any, **options: Any) -> None:
        for path in settings.SHIPPED_CONTENT:
            for line in import_string(path)():
                self.stdout.write(line)
