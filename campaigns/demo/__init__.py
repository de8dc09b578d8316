"""The campaign service with everything around it on one machine: `pushmill demo --campaigns`."""
