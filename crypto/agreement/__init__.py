"""Key agreement for bursts of push messages (RFC 8291, section 3.1): by OpenSSL, or eight at a time."""
