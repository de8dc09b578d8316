"""What crosses Kafka: every topic, the records in it and their decoders. Imports nothing else of ours."""
