"""How much a push service takes: concurrency, gates, and doubt about waves of expirations."""
