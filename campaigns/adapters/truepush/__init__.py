"""Truepush's API: `/api/v1/` and a verb with a noun."""
