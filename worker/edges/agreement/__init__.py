"""Finds and loads what this machine can agree on keys with. Does not know what is agreed for."""
