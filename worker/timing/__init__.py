"""Due times, lifetimes, tiers and retries: pure functions of a job, its record's timestamp and `now`."""
