"""The sites' private keys, from the database to the workers' folder."""
