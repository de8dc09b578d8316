"""PushPilot's API, under a prefix of one's own: its document does not show its paths."""
