"""A complete world on loopback: broker, push services, upstream producer, report."""
