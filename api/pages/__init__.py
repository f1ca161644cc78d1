"""What boards and commissioners see: each resource of the service as a page at its /v1 path without /v1, and Home."""
