"""How much a push service is sent: concurrency limits, back-off gates, and doubt about expiry surges."""
