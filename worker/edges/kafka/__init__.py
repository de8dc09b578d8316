"""Kafka through aiokafka, working around aiokafka's traps. Knows nothing of what is inside a record."""
