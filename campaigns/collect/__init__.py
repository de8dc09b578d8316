"""What came of launches: outcomes, expirations and what browsers report, each counted exactly once."""
