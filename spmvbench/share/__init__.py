"""Results for others: bundled, verified, cited, merged, exported; all of it only reads."""
