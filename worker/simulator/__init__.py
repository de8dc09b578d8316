"""A push service to test against: a product of its own, which imports only `crypto`."""
