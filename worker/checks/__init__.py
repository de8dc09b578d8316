"""Checks of send jobs, stricter than the worker's, for whatever is about to send one. No I/O."""
