"""How much an inventory may hold. Whatever goes beyond is refused before it costs time or memory."""

MAX_BYTES = 20 * 1024 * 1024
MAX_JSON_BYTES = 10 * 1024 * 1024
MAX_ROWS = 20_000
# Rows in the file, blank ones included: a workbook may claim a million of them.
MAX_LINES = 100_000
MAX_COLUMNS = 500
# What a cell of a workbook can hold.
MAX_CELL = 32_767
MAX_ROW_TEXT = 400_000
MAX_CELLS = 1_000_000
MAX_JSON_DEPTH = 12
MAX_JSON_CONTAINERS = 100_000
MAX_JSON_VALUES = 1_000_000
MAX_ZIP_MEMBERS = 500
MAX_UNPACKED = 64 * 1024 * 1024
MAX_SHARED_TEXTS = 24 * 1024 * 1024
# Sheets pack about ten to one; a bomb hundreds to one.
MAX_PACKED_RATIO = 150
MAX_SHEETS = 100
MAX_TITLE = 160
MAX_TEXT = 4000
MAX_FACT = 500


class Unreadable(Exception):
    """The file cannot be taken. `code` is stable; the text says what is wrong and how to mend it."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text
