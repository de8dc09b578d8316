"""Sends requests to push services and returns their answers. Does not know what a request is for."""
