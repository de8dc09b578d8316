"""The campaign service: who gets what, when, and what came of it.

It writes send jobs and reads outcomes, like any program upstream of the worker. The packages, from the top:
commands; then api, adapters and operations, and beside them launch; then store; then model.
"""
