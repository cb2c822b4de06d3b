"""The app's configuration."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Portal"

    def ready(self) -> None:
        from portal import celery, checks  # noqa: F401  tasks need the app's broker, checks register themselves
