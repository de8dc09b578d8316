"""Scripts that make what the documentation shows; no part of the package."""
