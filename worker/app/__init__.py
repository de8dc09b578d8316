"""One worker process: a file for each loop, and the one that knows every concrete class."""
