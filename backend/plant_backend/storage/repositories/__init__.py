"""All SQL of the services, one module per thing. Each runs inside somebody else's transaction."""
