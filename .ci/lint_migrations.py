"""Lints our migrations for changes that would break the version still running beside them."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = ["portal", "usecases", "evidence", "approvals"]

if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django

    django.setup()
    from django_migration_linter import MigrationLinter

    linter = MigrationLinter(str(ROOT), database="owner", include_apps=OURS, no_cache=True)
    linter.lint_all_migrations()
    linter.print_summary()
    sys.exit(1 if linter.has_errors else 0)
