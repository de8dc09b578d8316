"""What can be asked of the service, one file a noun: where transactions begin and end."""
