"""Parts for any process: signals, a supervisor and its children, the status port."""
