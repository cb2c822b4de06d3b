"""Keyset pages: `{"next", "previous", "results"}`, constant in time however deep."""

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request


class KeysetPagination(CursorPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering: str | tuple[str, ...] = "-id"

    def decode_cursor(self, request: Request) -> Cursor | None:
        """The request's place in the list. Raises ParseError for a text that no page of ours handed out."""
        try:
            cursor = super().decode_cursor(request)
        except NotFound:
            cursor, known = None, False
        else:
            known = cursor is None or "\x00" not in str(cursor.position)
        if not known:
            raise ParseError(_("This cursor is not one of ours. Start at the first page."), code="invalid_cursor")
        return cursor
