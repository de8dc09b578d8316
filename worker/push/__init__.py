"""What a push service is: its hosts, addresses, requests, answers and messages. Knows nothing of Kafka."""
