"""I/O and nothing else: Kafka, HTTP, processes, key files, the clock."""
