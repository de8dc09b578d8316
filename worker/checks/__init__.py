"""What is wrong with a job, said more strictly than the worker does, for whoever is about to send it."""
