"""A package for each platform's API: its words become operations, and answers its words again."""
