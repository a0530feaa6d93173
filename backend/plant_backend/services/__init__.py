"""The use cases. Each owns its transaction; none knows HTTP or SQL."""
