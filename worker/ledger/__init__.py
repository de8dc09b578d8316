"""What is settled: records, recipients, the commit that says so, and the lease that bounds it."""
