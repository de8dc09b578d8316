"""Pushwoosh's API: one envelope for requests and answers, calls from servers and calls from devices."""
