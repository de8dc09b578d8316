"""What is written from other files of this repository: `python -m k8s.tools.render` writes it again."""
