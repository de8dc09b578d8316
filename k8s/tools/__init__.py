"""Generators of the files that follow from other files: `python -m k8s.tools.render` writes them all."""
