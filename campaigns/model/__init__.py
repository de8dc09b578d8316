"""What sites, subscribers, campaigns and launches are, and every decision about them; knows no I/O."""
