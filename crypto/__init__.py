"""RFC 8291 message encryption and RFC 8292 identification; knows nothing about the worker."""
