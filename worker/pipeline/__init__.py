"""The path of a job, from the record read to the records written back: every decision, and no I/O."""
