"""Pushary's server API, as its SDK calls it: `routes` lists the calls, each other file a subject."""
