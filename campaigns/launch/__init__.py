"""Turns launches into send jobs: exactly once, and just in time."""
