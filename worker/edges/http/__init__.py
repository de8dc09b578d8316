"""Requests onto the wire and answers off it. Knows nothing of what a request is for."""
