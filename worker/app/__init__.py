"""One worker process: one file per loop, and one that wires up every concrete class."""
