"""Which recipients are settled, the commit that records it, and the lease on the right to send."""
