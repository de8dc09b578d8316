"""What becomes due: campaigns whose time has come."""
