"""Push services: their hosts, addresses, requests, answers and messages. Knows nothing of Kafka."""
