"""SendPulse's web push API, as its clients call it: `routes` lists the calls, each other file a subject."""
