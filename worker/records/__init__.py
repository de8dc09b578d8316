"""What crosses Kafka: every topic, and the values in it with their decoders. Imports nothing of ours."""
