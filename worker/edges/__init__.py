"""I/O and nothing else: Kafka, HTTP, signals, the clock."""
