"""Real servers for tests (Redis, PostgreSQL, S3-compatible store): free ports, a folder of their own."""
