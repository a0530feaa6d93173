"""What is said in a person's language: the catalogs, numbers and times, and what the domain tells."""
