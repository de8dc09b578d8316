"""HTTP: routes, authentication, limits and errors; knows no platform's words."""
