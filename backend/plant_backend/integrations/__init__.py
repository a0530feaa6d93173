"""What the backend does beyond its own API."""
