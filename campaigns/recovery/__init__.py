"""A database that was restored from a backup: found out, and told what Kafka has had since."""
