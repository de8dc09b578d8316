"""The tables: each statement beside a typed function, one module a table; decides nothing."""
