"""The path of a job, from a record to what is written back. Decides everything, and touches nothing."""
