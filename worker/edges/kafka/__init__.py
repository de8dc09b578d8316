"""Kafka through aiokafka, and aiokafka's traps. Knows nothing of what is inside a record."""
