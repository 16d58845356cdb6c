"""Where the cells of a filmstrip stand: in rows that read like text, or in one row where the panel is low."""

from dataclasses import dataclass

PAD = 3  # around a picture, for its border
LABEL = 14  # height of the frame number below a picture
LABELLED_FROM = 44  # side of a picture from which on every one has its number; smaller ones have one a row
GUTTER = 38  # width of the numbers at the left of the rows
LEAST, MOST = 26, 160  # side of a picture
COMFORTABLE = 72


@dataclass(frozen=True)
class StripLayout:
    """Places in pixels of the content.

    Attributes:
        count: cells.
        side: of a picture.
        columns: cells in one row.
    """

    count: int
    side: int
    columns: int

    @property
    def has_labels(self) -> bool:
        """Whether every picture has its frame number below it."""
        return self.side >= LABELLED_FROM

    @property
    def gutter(self) -> int:
        """Room at the left of the rows."""
        return 0 if self.has_labels else GUTTER

    @property
    def box_width(self) -> int:
        """Of a cell, with its border."""
        return self.side + 2 * PAD

    @property
    def box_height(self) -> int:
        """Of a cell, with border and number."""
        return self.side + 2 * PAD + (LABEL if self.has_labels else 0)

    @property
    def rows(self) -> int:
        """How many there are."""
        return -(-self.count // self.columns)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of everything."""
        return self.gutter + self.columns * self.box_width, self.rows * self.box_height

    def corner(self, index: int) -> tuple[int, int]:
        """The top left corner of a cell."""
        row, column = divmod(index, self.columns)
        return self.gutter + column * self.box_width, row * self.box_height

    def index_at(self, x: float, y: float) -> int | None:
        """The cell at a place, None between and beside them."""
        column, row = int((x - self.gutter) // self.box_width), int(y // self.box_height)
        index = row * self.columns + column
        return index if 0 <= column < self.columns and row >= 0 and index < self.count else None

    def below(self, index: int, rows: int) -> int:
        """The cell this many rows below another one, or that one where there is none."""
        wanted = index + rows * self.columns
        return wanted if 0 <= wanted < self.count else index

    def page(self, width: int, height: int) -> int:
        """How many cells a view of this size holds."""
        if self.rows > 1:
            return max(1, height // self.box_height) * self.columns
        return max(1, width // self.box_width)

    def indices_in(self, left: int, top: int, right: int, bottom: int) -> list[int]:
        """The cells of which some part lies in a rectangle, ascending."""
        columns = range(
            max(0, (left - self.gutter) // self.box_width),
            min(self.columns, (right - self.gutter) // self.box_width + 1),
        )
        rows = range(max(0, top // self.box_height), min(self.rows, bottom // self.box_height + 1))
        return [index for row in rows for column in columns if (index := row * self.columns + column) < self.count]


def lay_out(count: int, width: int, height: int, side: int) -> StripLayout:
    """Cells with pictures of this side: wrapped at the width, or in one endless row where two do not fit the height."""
    one_row = StripLayout(count, side, max(1, count))
    if height < 2 * one_row.box_height:
        return one_row
    return StripLayout(count, side, max(1, (width - one_row.gutter) // one_row.box_width))


def largest_that_fits(count: int, width: int, height: int) -> StripLayout | None:
    """The layout with the largest pictures with which all cells are in view; None where even the least do not fit."""
    for side in range(min(MOST, height - 2 * PAD), LEAST - 1, -1):
        layout = lay_out(count, width, height, side)
        across, down = layout.size
        if across <= width and down <= height:
            return layout
    return None


def comfortable_side(height: int) -> int:
    """The side with which whole rows fill a height, near to what is pleasant to look at."""
    around = 2 * PAD + LABEL
    rows = max(1, round(height / (COMFORTABLE + around)))
    return max(LEAST, min(MOST, height // rows - around))


def step_that_fits(count: int, width: int, height: int, side: int = LEAST) -> int:
    """How many frames one cell of this side has to stand for, so that all cells are in view."""
    one = StripLayout(1, side, 1)
    columns = max(1, (width - one.gutter) // one.box_width)
    rows = max(1, height // one.box_height)
    return max(1, -(-count // (columns * rows)))
