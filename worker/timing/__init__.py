"""When: due times, lives, tiers and retries. Pure functions of a job, its record's time and `now`."""
