"""A tidy table with each column as small numbers into the few values that it has.

A table of 30,000 tasks has 1.4 million rows and 1,500 layers: as strings its columns take 110 MB
and seconds to group, as numbers 15 MB and tenths of one. What is grouped and averaged is so here;
`frame` gives the table that people see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DamagedError
from toposcope.store.seals import AGAIN
from toposcope.store.tables import opened_table, part_schema, readable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Codes = NDArray[np.integer[Any]]
NUMBERS = "value"
"""The column of which every row has a value of its own."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Rows of a table by the values of some columns.

    Parameters
    ----------
    rows
        (n,) positions, group after group, rising inside each.
    begins, sizes
        (groups,) where each begins in `rows`, and how many it has.
    appearance
        (groups,) groups in the order in which they appear in the table.
    """

    rows: NDArray[np.intp]
    begins: NDArray[np.intp]
    sizes: NDArray[np.intp]
    appearance: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.begins)

    @property
    def firsts(self) -> NDArray[np.intp]:
        """(groups,) the first row of each."""
        return self.rows[self.begins]

    def of(self, group: int) -> NDArray[np.intp]:
        """(size,) positions of the rows of one group."""
        begin = self.begins[group]
        return self.rows[begin : begin + self.sizes[group]]

    def where(self, chosen: NDArray[np.bool_]) -> NDArray[np.intp]:
        """(k, size) positions in `rows` of chosen groups, which have one size."""
        begins = self.begins[chosen]
        size = int(self.sizes[chosen][0]) if len(begins) else 0
        return begins[:, None] + np.arange(size)


@dataclass(frozen=True, eq=False)
class Coded:
    """Columns of a tidy table as numbers.

    Parameters
    ----------
    codes
        (n,) per column: position in its values.
    values
        The values that a column has, None for a missing one.
    numbers
        (n,) the column `value`, NaN where it is missing.
    types
        Arrow types of the columns of a stored table, in its order; empty for one made by hand.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = {"layer": ["a", "b", "a"], "degree": [0, None, 0], "value": [1.0, 2.0, 3.0]}
    >>> coded = Coded.of_frame(pd.DataFrame(columns), ["layer", "degree"])
    >>> coded.taken("degree", np.array([0, 1])), coded.having("layer", "a").tolist()
    ([0.0, None], [True, False, True])
    """

    codes: Mapping[str, Codes]
    values: Mapping[str, list[Any]]
    numbers: NDArray[np.float64]
    types: Mapping[str, pa.DataType] = field(default_factory=dict)

    @classmethod
    def of_frame(cls, table: pd.DataFrame, columns: Iterable[str]) -> Coded:
        """Some columns of a DataFrame, and its `value`."""
        import pandas as pd

        codes, values = {}, {}
        for name in columns:
            found, known = pd.factorize(table[name])
            codes[name] = _small(np.where(found < 0, len(known), found), len(known))
            values[name] = [*known.tolist(), None]
        return cls(codes, values, table[NUMBERS].to_numpy(np.float64, na_value=np.nan))

    @classmethod
    def of_part(cls, part: bytes, *, where: str) -> Coded:
        """A stored table; its bytes have been held against their hash.

        Parameters
        ----------
        part
            Parquet.
        where
            For messages.

        Raises
        ------
        DamagedError
            For bytes that are no table, or one with other columns.
        """
        with readable(where), _given_back():
            file = opened_table(part, where=where, coded=True)
            schema = file.schema_arrow
            known = part_schema()
            fit = all(
                name in known.names and _plain(one.type) == known.field(name).type
                for name, one in zip(schema.names, schema, strict=True)
            )
            if not fit or NUMBERS not in schema.names:
                msg = (
                    f"{where} is damaged: its columns are {', '.join(schema.names)[:200]}. {AGAIN}"
                )
                raise DamagedError(msg)
            codes, values, types = {}, {}, {}
            numbers = np.empty(0)
            for name in schema.names:  # one after the other: only one is held as Arrow has it
                column = file.read(columns=[name], use_threads=False)[name]
                if name == NUMBERS:
                    numbers = column.to_numpy().astype(np.float64, copy=False)
                    types[name] = column.type
                    continue
                codes[name], values[name], types[name] = _of_column(column)
        return cls(codes, values, numbers, types)

    def __len__(self) -> int:
        return len(self.numbers)

    def taken(self, name: str, rows: NDArray[np.intp]) -> list[Any]:
        """The values of a column in some rows."""
        known = self.values[name]
        return [known[code] for code in self.codes[name][rows].tolist()]

    def having(self, name: str, *wanted: object) -> NDArray[np.bool_]:
        """(n,) whether a column has one of some values."""
        is_wanted = np.array([value in wanted for value in self.values[name]], dtype=bool)
        return is_wanted[self.codes[name]]

    def distinct(self, name: str) -> list[Any]:
        """The values that some row has, in the order in which they appear."""
        codes = self.codes[name][::-1]
        first = np.full(len(self.values[name]), len(codes), dtype=np.int32)
        first[codes] = np.arange(len(codes) - 1, -1, -1, dtype=np.int32)  # the last one stays
        order = np.argsort(first, kind="stable")
        return [self.values[name][code] for code in order.tolist() if first[code] < len(codes)]

    def places(
        self, columns: Sequence[str], *, codes: Mapping[str, Codes] | None = None
    ) -> NDArray[np.int64]:
        """(n,) numbers that are equal where all of some columns are.

        `codes` stands for the codes of columns of this table, in some of its rows or in others.
        """
        codes, out, span = codes or self.codes, np.zeros(1, dtype=np.int64), 1
        for name in columns:
            base = len(self.values[name])
            if span * base >= 1 << 62:  # numbers only as far apart as there are combinations
                msg = f"{' x '.join(columns)} has more combinations than there are numbers"
                raise OverflowError(msg)
            span *= base
            out = out * base + codes[name]
        return out

    def groups(self, columns: Sequence[str], rows: NDArray[np.intp] | None = None) -> Groups:
        """The rows, or some of them, by the values of some columns."""
        place = self.places(columns)
        if rows is not None:
            place = place[rows]
        order = np.argsort(place, kind="stable")
        place = place[order]
        begins = np.flatnonzero(np.diff(place, prepend=place[:1] - 1))
        order = order if rows is None else rows[order]
        sizes = np.diff(begins, append=len(order))
        return Groups(order, begins, sizes, np.argsort(order[begins]))

    def frame(self, rows: NDArray[np.intp] | None = None) -> pd.DataFrame:
        """The table as people see it, or some of its rows: strings, nullable degrees."""
        import pandas as pd
        import pyarrow as pa

        out = {}
        for name, kind in self.types.items():
            if name == NUMBERS:
                out[name] = pd.Series(self.numbers if rows is None else self.numbers[rows])
                continue
            codes = self.codes[name] if rows is None else self.codes[name][rows]
            known = self.values[name]
            missing = codes == len(known) - 1
            if name == "homology_dimension":
                numbers = np.array([*known[:-1], 0], dtype=np.int64)
                out[name] = pd.Series(pd.arrays.IntegerArray(numbers[codes], missing))
                continue
            index = pa.array(codes, mask=missing)
            coded = pa.DictionaryArray.from_arrays(index, pa.array(known[:-1], kind))
            out[name] = coded.cast(kind).to_pandas()
        return pd.DataFrame(out, copy=False)


@contextmanager
def _given_back() -> Iterator[None]:
    """Arrow takes memory from the system, and gives it back at once: its own pool keeps 40 MB."""
    import pyarrow as pa

    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


def _of_column(column: pa.ChunkedArray) -> tuple[Codes, list[Any], pa.DataType]:
    """Codes, values and type of a column of Arrow."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.unify_dictionaries()
    kind = column.type.value_type
    known = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
    chunks = [
        chunk.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
        for chunk in column.chunks
    ]
    small = [_small(chunk, len(known)) for chunk in chunks]
    codes = np.concatenate(small) if small else np.empty(0, dtype=np.uint8)
    return codes, [*known, None], kind


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type of the values of a column, coded or not."""
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _small(codes: Codes, largest: int) -> Codes:
    """Codes in the smallest type that holds them."""
    return codes.astype(np.min_scalar_type(largest), copy=False)
