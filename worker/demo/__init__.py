"""The demo: the whole path on loopback, with broker, push services, an upstream producer and a report."""
