"""The database: one writer, group commit, an append-only log of batches that is compacted in bulk."""
