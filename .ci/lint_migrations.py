"""Lints our migrations for changes that would break the version still running beside them."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = ["portal", "usecases", "evidence", "approvals"]
# Puts a table of the same name and columns, by month, in the place of the whole one. Readers go on; the version before
# cannot write usage any more: its deliveries fail whole and are tried again.
LOOKED_AT = ["0090_usage_ledger"]

if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django

    django.setup()
    from django_migration_linter import MigrationLinter

    linter = MigrationLinter(str(ROOT), database="owner", include_apps=OURS, no_cache=True, ignore_name=LOOKED_AT)
    linter.lint_all_migrations()
    linter.print_summary()
    sys.exit(1 if linter.has_errors else 0)
