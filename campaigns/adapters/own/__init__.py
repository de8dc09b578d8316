"""The service's own API under `/v1/`: JSON, bearer keys, problems as RFC 9457 has them."""
