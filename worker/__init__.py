"""The delivery worker: from a send job in Kafka to a push on the wire and its outcome back."""
