"""One door for tables: read, described, split and encoded, with everything that was decided said.

    read       anything that holds a table -> Table
    prepare    a table and its target -> Prepared: schema, training, validation and test parts, findings
    Schema     what was learned about the columns; encodes new rows alike
    Design     encoded rows: numbers, and codes with the one-hot implied

Who uses whom: table <- sniff, delimited, memory, files <- source <- schema; values <- kinds, encoders, target
<- describe, split, leakage <- prepare; rows that are read while they are computed with: batches <- row_groups, given
<- stream.
"""

from steepest.tables.design import Design, Feature, Part
from steepest.tables.prepare import Prepared, prepare
from steepest.tables.schema import Applied, Column, Schema
from steepest.tables.source import read
from steepest.tables.table import Table

__all__ = [
    "Applied",
    "Column",
    "Design",
    "Feature",
    "Part",
    "Prepared",
    "Schema",
    "Table",
    "prepare",
    "read",
]
